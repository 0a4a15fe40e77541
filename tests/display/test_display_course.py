"""How far a run is, how fast, and what a person should look at: from what jobs tell."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rftcore.display.course import Course
from rftcore.display.symptoms import symptoms
from rftcore.executor import Job, Progress
from rftcore.schemas.progress import Sign


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def stage(name: str, size: float = 60.0) -> Job:
    return Job(name, "rftcore.experiment:train_stage", {}, f"train {name}", size, kind="stage")


def cell(name: str, size: float = 10.0) -> Job:
    return Job(name, "rftcore.experiment:evaluate_cell", {}, f"evaluate {name}", size, kind="cell")


def test_a_resumed_run_counts_what_earlier_sessions_did() -> None:
    course = Course(Clock())
    course.run(Path("runs/demo"), [stage("a"), cell("one")])
    course.plan([stage("b"), cell("two"), cell("three")], 2)
    course.progress(Progress("b", 1, 4))
    course.progress(Progress("two", 2, 4))
    course.finished("two")
    found = course.snapshot()
    assert (found.folder, found.stages, found.cells) == ("runs/demo", (1, 2), (2, 3))
    assert (found.jobs, found.waiting, len(found.running)) == (3, 1, 1)
    # Of 60 + 10 + 60 + 10 + 10 there is left three quarters of b, and three: 45 + 10.
    assert found.share == pytest.approx(1 - 55 / 150)


def test_what_failed_is_neither_done_nor_forgotten() -> None:
    course = Course(Clock())
    course.plan([cell("one"), cell("two")], 1)
    course.progress(Progress("one", 0, 2))
    course.failed("one", ValueError("no room"))
    found = course.snapshot()
    assert (found.cells, found.share, found.remaining_seconds) == ((0, 2), 0.0, None)
    assert [(job.label, job.error) for job in found.ended] == [("evaluate one", "no room")]


def test_rates_are_those_of_the_last_minute() -> None:
    clock = Clock()
    course = Course(clock)
    course.plan([cell("one")], 1)
    course.progress(Progress("one", 0, 8, "starts"))
    clock.now = 110.0
    course.progress(Progress("one", 0, 8))
    clock.now = 120.0
    course.progress(Progress("one", 1, 8, "", {"episodes": 1, "sampled_tokens": 30, "success": 1.0}))
    clock.now = 130.0
    course.progress(Progress("one", 2, 8, "", {"episodes": 2, "retried": 1, "sampled_tokens": 50, "success": 0.5}))
    assert course.rates() == pytest.approx({"episodes": 3 / 30, "sampled_tokens": 80 / 30, "learned_tokens": 0.0})
    clock.now = 175.0
    assert course.rates()["sampled_tokens"] == pytest.approx(80 / 60)
    clock.now = 185.0  # the first episode is more than a minute ago
    assert course.rates() == pytest.approx({"episodes": 2 / 60, "sampled_tokens": 50 / 60, "learned_tokens": 0.0})
    clock.now = 191.0
    assert course.rates() == {"episodes": 0.0, "sampled_tokens": 0.0, "learned_tokens": 0.0}
    found = course.snapshot()
    assert (found.episodes, found.sampled_tokens, found.elapsed_seconds) == (3, 80, 91.0)
    assert (found.running[0].seconds, found.running[0].success) == (81.0, 0.5)


def test_where_reports_are_rare_rates_are_taken_over_three_of_them() -> None:
    clock = Clock()
    course = Course(clock)
    course.plan([stage("a")], 1)
    course.progress(Progress("a", 0, 9))
    for update in range(1, 6):  # one in two minutes
        clock.now += 120.0
        course.progress(Progress("a", update, 9, "", {"episodes": 64, "learned_tokens": 960}))
    clock.now += 119.0
    # The window is 360 s: updates 3, 4 and 5, and just not update 2.
    assert course.rates() == pytest.approx({"episodes": 192 / 360, "sampled_tokens": 0.0, "learned_tokens": 8.0})


def test_rates_are_those_of_a_minute_again_after_a_stage_with_rare_reports() -> None:
    clock = Clock()
    course = Course(clock)
    course.plan([stage("a"), cell("one")], 1)
    course.progress(Progress("a", 0, 2))
    for update in (1, 2):  # one in ten minutes
        clock.now += 600.0
        course.progress(Progress("a", update, 2, "", {"episodes": 64}))
    course.finished("a")
    course.progress(Progress("one", 0, 8))
    clock.now += 10.0
    course.progress(Progress("one", 1, 8, "", {"episodes": 1}))
    clock.now += 59.0
    assert course.rates()["episodes"] == pytest.approx(1 / 60)


def test_what_nobody_asks_for_is_forgotten() -> None:
    clock = Clock()
    course = Course(clock)
    course.plan([cell("one")], 1)
    for episode in range(1000):
        clock.now += 1.0
        course.progress(Progress("one", episode, 1000, "", {"episodes": 1}))
    assert len(course._recent) == 60


def test_a_stage_that_validation_stops_is_as_much_work_as_it_did() -> None:
    clock = Clock()
    course = Course(clock)
    course.plan([stage("a", 100.0), stage("b", 100.0)], 1)
    course.progress(Progress("a", 0, 100))
    clock.now += 50.0
    course.progress(Progress("a", 10, 100, "", {"episodes": 8}))
    course.finished("a")
    assert course.remaining() == pytest.approx(500.0)  # 5 s for each of the 100


def test_episodes_of_the_first_update_are_work_and_no_loading() -> None:
    clock = Clock()
    course = Course(clock)
    course.plan([stage("a", 4.0)], 1)
    course.progress(Progress("a", 0, 4, "starts"))
    clock.now += 7.0
    course.progress(Progress("a", 0, 4))
    clock.now += 5.0
    course.progress(Progress("a", 0, 4, "", {"episodes": 1}))
    clock.now += 5.0
    course.progress(Progress("a", 1, 4, "success 0.50", {"success": 0.5}))
    assert course.remaining() == pytest.approx(30.0)  # 10 s for a quarter


class Heard(Course):
    """Keeps what it notices."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.heard: list[str] = []

    def noticed(self, sign: Sign) -> None:
        self.heard.append(sign.text)


def test_a_sign_is_told_once_and_counted_by_update_or_by_job() -> None:
    course = Heard()
    course.plan([stage("a"), cell("one"), cell("two")], 1)
    for update, entropy in enumerate((2.0, 1.0, 0.19, 0.1), start=1):
        course.progress(Progress("a", update, 4, "", {"entropy": entropy, "rows": 8}))
    course.finished("a")
    for name in ("one", "two"):
        for episode in range(1, 25):  # 3 of 24 are lost, from the 20th on a share is taken
            figures = {"episodes": 1, "masked": float(episode in (1, 2, 24)), "success": 0.5}
            course.progress(Progress(name, episode, 24, "", figures))
        course.finished(name)
    assert course.heard == [
        "entropy fell from 2 to 0.19: hardly anything is explored",
        "10% of samples lost to the machine",
    ]
    assert course.snapshot().signs == [
        Sign(text="entropy fell from 2 to 0.1: hardly anything is explored", label="train a", count=2, unit="update"),
        Sign(text="12% of samples lost to the machine", label="evaluate two", count=2, unit="job"),
    ]


def test_a_worker_that_died_is_counted_and_its_job_waits_again() -> None:
    course = Heard()
    course.plan([cell("one")], 1)
    for _ in range(2):
        course.progress(Progress("one", 1, 4, "", {"episodes": 1}))
        course.lost("one", RuntimeError("killed"))
    found = course.snapshot()
    assert (found.waiting, found.running, found.episodes) == (1, [], 2)
    assert [(sign.text, sign.count) for sign in found.signs] == [("a worker died; its job goes on in another", 2)]


def test_a_sign_of_a_job_whose_worker_died_is_not_counted_again() -> None:
    course = Heard()
    course.plan([cell("one")], 1)
    for _ in range(2):
        course.progress(Progress("one", 1, 4, "", {"answers": 20, "cut": 3}))
        course.lost("one", RuntimeError("killed"))
    assert [(sign.text, sign.count) for sign in course.snapshot().signs] == [
        ("15% of answers cut off at sampling.max_new_tokens", 1),
        ("a worker died; its job goes on in another", 2),
    ]


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"rows": 0.0}, "an update taught nothing: no trajectory had any credit"),
        ({"rows": 4.0}, None),
        ({"drift": 12.0}, "12 trained tokens are not those that were sampled"),
        ({"sampler_gap": 0.02}, "sampler and learner differ by 0.02 in a logprob"),
        ({"sampler_gap": float("nan")}, "sampler and learner differ by nan in a logprob"),
        ({"sampler_gap": 1e-5}, None),
        ({"zero_variance": 0.75}, "75% of an update's groups have no variance, and teach nothing"),
        ({"zero_variance": 0.7}, None),
        ({"entropy": 0.11}, None),
        ({"entropy": 0.09}, "entropy fell from 1 to 0.09: hardly anything is explored"),
        ({"kl": 1.5}, "the policy is 1.5 nats a token from the start policy"),
        ({"kl": 0.5}, None),
    ],
)
def test_each_measurement_has_its_limit(figures: dict[str, float], said: str | None) -> None:
    found = [symptom.text for symptom in symptoms(Counter(), figures, {"entropy": 1.0})]
    assert found == ([] if said is None else [said])


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"episodes": 19, "masked": 19}, None),
        ({"episodes": 100, "masked": 1}, None),
        ({"episodes": 100, "masked": 2}, "2% of samples lost to the machine"),
        ({"episodes": 100, "retried": 5}, None),
        ({"episodes": 100, "retried": 6}, "6% of episodes played again after failures of the machine"),
        ({"answers": 20, "cut": 3}, "15% of answers cut off at sampling.max_new_tokens"),
        ({"answers": 20, "cut": 2}, None),
        ({"episodes": 50, "overflowed": 6}, "12% of episodes ended because the context was full"),
        ({"episodes": 3, "unpaid": 2}, "the budget is spent: 2 samples are not played"),
        ({"episodes": 3, "unclosed": 2}, "2 episodes could not be closed: what they held may not be free"),
    ],
)
def test_each_share_has_its_limit_and_is_taken_of_enough(counts: dict[str, float], said: str | None) -> None:
    found = [symptom.text for symptom in symptoms(Counter(counts), {}, {})]
    assert found == ([] if said is None else [said])


def test_a_share_is_never_below_nothing() -> None:
    course = Course(Clock())
    course.plan([cell(str(number), 0.1) for number in range(30)], 1)  # whose sum is not the same in every order
    course.progress(Progress("7", 0, 4))
    assert 0.0 <= course.snapshot().share < 1e-9
