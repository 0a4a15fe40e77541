"""What a run says line by line, where there is no terminal, and how good the estimate of the rest is."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from rftcore.display import Several, Silent
from rftcore.display.lines import Lines
from rftcore.executor import Job, Progress


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def jobs(stages: int = 2, cells: int = 4) -> list[Job]:
    train = [Job(f"s{n}", "rftcore.experiment:train_stage", {}, f"train stage {n}", 100.0) for n in range(stages)]
    return train + [Job(f"c{n}", "rftcore.experiment:evaluate_cell", {}, f"evaluate {n}", 10.0) for n in range(cells)]


def lines() -> tuple[Lines, io.StringIO, Clock]:
    out, clock = io.StringIO(), Clock()
    return Lines(Console(file=out, width=80, color_system=None), clock), out, clock


def test_without_a_terminal_each_finished_job_is_one_line_with_the_estimate_of_the_rest() -> None:
    show, out, clock = lines()
    with show:
        show.plan(jobs(), 1)
        show.progress(Progress("s0", 0, 5, "starts"))
        clock.now += 7  # torch is imported: no measure of the pace
        show.progress(Progress("s0", 0, 5, ""))
        clock.now += 50
        show.progress(Progress("s0", 5, 5, "success 0.42"))
        show.finished("s0")
    assert out.getvalue() == "[1/6] train stage 0, success 0.42, 50 s, 1 min 10 s left\n"


def test_the_estimate_takes_the_pace_of_each_kind_of_job_and_the_slots() -> None:
    show, _, clock = lines()
    with show:
        show.plan(jobs(), 2)
        assert show.remaining() is None
        for job in ("s0", "s1"):
            show.progress(Progress(job, 0, 10))
        clock.now += 20
        show.progress(Progress("s0", 2, 10))  # a fifth in 20 s: 100 s each, 1 s a unit
        assert show.remaining() == pytest.approx((80 + 100 + 4 * 10) / 2)
        show.progress(Progress("s1", 10, 10))
        show.finished("s1")
        show.progress(Progress("s0", 10, 10))
        show.finished("s0")  # both in 20 s: a fifth of a second a unit
        assert show.remaining() == pytest.approx(4 * 10 * 0.2 / 2)
        show.progress(Progress("c0", 0, 1))
        clock.now += 30
        show.progress(Progress("c0", 1, 1))
        show.finished("c0")  # cells turn out to be slower
        assert show.remaining() == pytest.approx(3 * 30 / 2)
        for cell in ("c1", "c2"):
            show.progress(Progress(cell, 0, 1))
            show.progress(Progress(cell, 1, 1))
            show.finished(cell)
        assert show.remaining() == pytest.approx(10)  # one job has one slot: 30 + 0 + 0 s for three of them
        show.progress(Progress("c3", 1, 1))
        show.finished("c3")
        assert show.remaining() is None


def test_what_a_resumed_stage_had_done_before_is_not_counted_as_fast_work() -> None:
    show, _, clock = lines()
    with show:
        show.plan(jobs(stages=1, cells=0), 1)
        show.progress(Progress("s0", 8, 10, "starts"))
        clock.now += 10
        show.progress(Progress("s0", 9, 10))
        assert show.remaining() == pytest.approx(10)


def test_a_failed_job_is_told_at_once_and_what_runs_on_too() -> None:
    show, out, _ = lines()
    with show:
        show.plan(jobs(), 2)
        show.progress(Progress("s0", 0, 10))
        show.progress(Progress("s1", 0, 10))
        show.failed("s0", ValueError("no [bold]room[/bold]"))
        show.finished("s1")
        show.failed("c0", MemoryError())
    assert out.getvalue().splitlines() == [
        "train stage 0 failed: no [bold]room[/bold]",
        "What runs now is let finish; nothing else begins.",
        "[2/6] train stage 1, 0 s",
        "evaluate 0 failed: MemoryError",
    ]


def test_a_sign_is_one_line_when_it_is_seen_first() -> None:
    show, out, _ = lines()
    with show:
        show.plan(jobs(), 1)
        for update in (1, 2, 3):
            show.progress(Progress("s0", update, 5, "success 0.50", {"success": 0.5, "rows": 0.0}))
    assert out.getvalue() == "! an update taught nothing: no trajectory had any credit (train stage 0)\n"


def test_several_displays_are_all_told() -> None:
    both = [lines(), lines()]
    with Several(*(show for show, _, _ in both)) as shows:
        shows.plan(jobs(stages=0, cells=2), 1)
        shows.progress(Progress("c0", 1, 1, "success 1.00"))
        shows.finished("c0")
        shows.lost("c1", ValueError("gone"))
        shows.failed("c1", ValueError("gone again"))
    said = [
        "[1/2] evaluate 0, success 1.00, 0 s",
        "gone",
        "It is given to another worker, and goes on from what it had saved.",
        "! a worker died; its job goes on in another (evaluate 1)",
        "evaluate 1 failed: gone again",
    ]
    assert [out.getvalue().splitlines() for _, out, _ in both] == [said, said]


def test_silence_is_the_default() -> None:
    with Silent() as show:
        show.plan(jobs(), 1)
        show.progress(Progress("s0", 1, 2))
        show.failed("s0", ValueError())
        show.finished("s0")
