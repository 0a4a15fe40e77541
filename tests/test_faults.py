"""The breaker: when losses are too many, what it says then, and what is no loss."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from rftcore.errors import RunError
from rftcore.faults import Breaker, Faults
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Status, Trajectory


def sample(number: int, status: Status = "completed", difficulty: str = "easy", name: str = "maze") -> Trajectory:
    task = Task(environment=name, id=f"{name}/{difficulty}/{number}", split="train", difficulty=difficulty, seed=number)
    error = None if status == "completed" else "OSError: the maze is gone"
    return Trajectory(task=task, sample=0, turns=(), status=status, ret=0.0, success=False, attempts=3, error=error)


def stopped_at(breaker: Breaker, lost: list[bool]) -> int | None:
    """Tell samples until the breaker stops the run; return how many were told by then."""
    for number, failed in enumerate(lost, start=1):
        try:
            breaker.told(sample(number, "environment_error" if failed else "completed"))
        except RunError:
            return number
    return None


def test_by_default_the_tenth_loss_of_at_most_a_hundred_samples_stops_the_run() -> None:
    assert stopped_at(Breaker(), [True] * 10) == 10
    assert stopped_at(Breaker(), ([True] + [False] * 9) * 30) == 91  # the tenth of 91 samples: 11 %
    assert stopped_at(Breaker(), ([True] + [False] * 11) * 30) is None  # the tenth of 109: 9.2 %; 17 of 200: 8.5 %


def test_only_the_newest_samples_count() -> None:
    quiet = [False] * 200
    assert stopped_at(Breaker(), [True] * 9 + quiet + [True] * 9 + quiet) is None
    assert stopped_at(Breaker(), quiet * 5 + [True] * 20) == 1020  # 20 of the newest 200, not 20 of 1020


def test_limits_can_be_chosen() -> None:
    breaker = Breaker(Faults(lost_share=0.5, window=4, least=2))
    assert stopped_at(breaker, [True, False, False, False, True, False, True]) == 7
    with pytest.raises(ValidationError, match=r"least to be at most window \(5\)"):
        Faults(window=5, least=6)


def test_environments_are_counted_apart_and_a_spent_budget_is_no_loss() -> None:
    breaker = Breaker(Faults(least=2, lost_share=0.1))
    for number in range(50):
        breaker.told(sample(number, "budget"))
    breaker.told(sample(0, "timeout", name="maze"))
    breaker.told(sample(0, "timeout", name="shop"))
    with pytest.raises(RunError, match=r"^shop: 2 of its newest 2 samples"):
        breaker.told(sample(1, "timeout", name="shop"))


def test_the_evidence_has_counts_statuses_difficulties_and_the_first_losses() -> None:
    breaker = Breaker(Faults(least=3, lost_share=0.5))
    for number in range(2):
        breaker.told(sample(number))
    breaker.told(sample(2, "timeout", "hard"))
    breaker.told(sample(3, "environment_error", "hard"))
    with pytest.raises(RunError) as stop:
        breaker.told(sample(4, "environment_error", "hard"))
    assert str(stop.value) == (
        "maze: 3 of its newest 5 samples were lost to the machine, each after 3 attempts; expected fewer than 50%, or "
        "fewer than 3. The samples that are left may be those of the easier tasks, so the run stops before it learns "
        "from them or reports them.\n"
        "Lost in all: 2 environment_error, 1 timeout. By difficulty: easy 0 of 2, hard 3 of 3. The first:\n"
        "  maze/hard/2, sample 0: timeout, OSError: the maze is gone\n"
        "  maze/hard/3, sample 0: environment_error, OSError: the maze is gone\n"
        "  maze/hard/4, sample 0: environment_error, OSError: the maze is gone\n"
        "Mend maze, then go on; or accept more, with which the same run may go on: faults.lost_share above 0.6 (at 1 "
        "no loss stops it), or faults.least above 3"
    )


def test_where_the_sampler_alone_failed_it_is_the_sampler_that_is_to_be_mended() -> None:
    breaker = Breaker(Faults(least=2, lost_share=0.1))
    breaker.told(sample(0, "sampler_error"))
    with pytest.raises(RunError, match=r"(?s)2 sampler_error.*\nMend the sampler, then go on"):
        breaker.told(sample(1, "sampler_error"))


def play_in_order(breaker: Breaker, broken: int, samples: int) -> int | None:
    """Tell the samples of 8 tasks, the first `broken` of which lose all; return how many were told when it stopped."""
    tasks = [sample(number).task for number in range(8)]
    breaker.expects(tasks, [samples] * 8)
    return stopped_at(breaker, [True] * broken * samples + [False] * (8 - broken) * samples)


def test_a_broken_task_that_is_played_first_is_a_share_of_all_that_is_to_come() -> None:
    assert play_in_order(Breaker(), 1, 8) is None  # 8 of 64: fewer than 10
    assert play_in_order(Breaker(), 1, 20) == 16  # of 160: a tenth, though it is 16 of the newest 16
    assert play_in_order(Breaker(Faults(lost_share=0.2)), 1, 20) is None  # 20 of 160: 12.5 %
    assert play_in_order(Breaker(Faults(lost_share=0.9)), 2, 20) is None
    assert play_in_order(Breaker(Faults(lost_share=0.2)), 8, 20) == 32
    assert play_in_order(Breaker(), 1, 1000) == 20  # a tenth of the window, which is shorter than what is to come


def test_a_share_of_1_never_stops_a_run() -> None:
    assert play_in_order(Breaker(Faults(lost_share=1.0)), 8, 20) is None
    assert stopped_at(Breaker(Faults(lost_share=1.0)), [True] * 1000) is None


def test_a_small_rollout_is_judged_before_anything_is_learned_from_it() -> None:
    breaker = Breaker()
    for update in range(3):
        breaker.expects([sample(update).task], [12])
        assert stopped_at(breaker, [False] * 12) is None
    breaker.expects([sample(3).task], [12])
    assert stopped_at(breaker, [True] * 12) == 10  # 10 of 48


def test_the_message_says_of_how_many_and_what_accepts_them() -> None:
    breaker = Breaker()
    breaker.expects([sample(0).task], [40])
    for number in range(9):
        breaker.told(sample(number, "environment_error"))
    with pytest.raises(RunError) as stop:
        breaker.told(sample(9, "environment_error"))
    said = str(stop.value)
    assert "10 of its newest 10 samples were lost to the machine" in said
    assert "expected fewer than 10% of these and the next 30, or fewer than 10." in said
    assert said.endswith(": faults.lost_share above 0.25 (at 1 no loss stops it), or faults.least above 10")
    assert Faults().accepting(2, 7) == "faults.lost_share above 0.29 (at 1 no loss stops it), or faults.least above 2"
    assert Faults().accepting(9, 9) == "faults.lost_share=1, or faults.least above 9"
    assert Faults().accepting(199, 796).endswith(", or faults.least above 199")
    assert Faults(least=200).lost_share == 0.1  # the highest: more than the window is refused
    assert Faults().accepting(200, 800) == "faults.lost_share above 0.25 (at 1 no loss stops it)"


def test_a_spent_budget_takes_nothing_from_what_is_to_come() -> None:
    breaker = Breaker(Faults(least=2, lost_share=0.5))
    breaker.expects([sample(0).task], [6])
    for number in range(2):
        breaker.told(sample(number, "budget"))
    assert stopped_at(breaker, [True, True, False, False]) == 2  # half of the four that are no matter of a budget
