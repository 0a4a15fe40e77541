"""What a person sees while a run works, and how good the estimate of the rest is."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from rftcore.display import Bars, Silent
from rftcore.executor import Job, Progress


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def jobs(stages: int = 2, cells: int = 4) -> list[Job]:
    train = [Job(f"s{n}", "rftcore.experiment:train_stage", {}, f"train stage {n}", 100.0) for n in range(stages)]
    return train + [Job(f"c{n}", "rftcore.experiment:evaluate_cell", {}, f"evaluate {n}", 10.0) for n in range(cells)]


def bars(terminal: bool = False, width: int = 80) -> tuple[Bars, io.StringIO, Clock]:
    out, clock = io.StringIO(), Clock()
    console = Console(file=out, force_terminal=terminal, width=width, height=20, color_system=None)
    return Bars(console, clock), out, clock


def test_without_a_terminal_each_finished_job_is_one_line_with_the_estimate_of_the_rest() -> None:
    show, out, clock = bars()
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
    show, _, clock = bars()
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
    show, _, clock = bars()
    with show:
        show.plan(jobs(stages=1, cells=0), 1)
        show.progress(Progress("s0", 8, 10, "starts"))
        clock.now += 10
        show.progress(Progress("s0", 9, 10))
        assert show.remaining() == pytest.approx(10)


def test_a_failed_job_is_told_at_once_and_what_runs_on_too() -> None:
    show, out, _ = bars()
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


@pytest.mark.parametrize("width", [60, 80, 120])
def test_in_a_terminal_there_is_a_bar_for_all_jobs_and_one_for_each_that_runs(width: int) -> None:
    show, out, clock = bars(terminal=True, width=width)
    many = [
        Job(f"j{n}", "t", {}, f"evaluate textcraft:easy>textcraft:hard on babyai:easy [{n}]", 10.0) for n in range(48)
    ]
    with show:
        show.plan(many, 2)
        for n in range(10):
            show.progress(Progress(f"j{n}", 0, 4))
            show.progress(Progress(f"j{n + 1}", 0, 4))
            clock.now += 30
            show.progress(Progress(f"j{n}", 4, 4, "success 0.33"))
            show.finished(f"j{n}")
        show.progress(Progress("j10", 1, 4, "success 0.25"))
        show._bars.refresh()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).replace("\r", "\n")
    frames = [line.rstrip() for line in text.splitlines()]
    whole = [line for line in frames if line.startswith("[10/48] all jobs")][-1]
    assert re.search(r"2\d% .*min \d\d s left$", whole)
    row = [line for line in frames if line.startswith("evaluate") and "25%" in line][-1]
    assert "success 0.25" in row
    assert all(len(line) <= width for line in frames if "%" in line)
    finished = [line for line in frames if re.match(r"\[\d+/48\] evaluate", line)]
    assert len(finished) == 10
    assert finished[0].startswith("[1/48] evaluate textcraft:easy>textcraft:hard on babyai:easy [0], success 0.33")


def test_silence_is_the_default() -> None:
    with Silent() as show:
        show.plan(jobs(), 1)
        show.progress(Progress("s0", 1, 2))
        show.failed("s0", ValueError())
        show.finished("s0")
