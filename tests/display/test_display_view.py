"""What the live view looks like, in terminals of every size."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from rftcore.display.view import view
from rftcore.schemas.progress import RunningJob, RunProgress, Sign

RUN = RunProgress(
    folder="runs/five-environments",
    at="2026-11-26T12:00:00+00:00",
    elapsed_seconds=725.0,
    remaining_seconds=1100.0,
    share=0.408,
    stages=(2, 5),
    cells=(10, 40),
    jobs=45,
    waiting=31,
    episodes=5120,
    sampled_tokens=722_400,
    learned_tokens=516_000,
    episode_rate=12.44,
    sampled_rate=1204.0,
    learned_rate=0.86,
    running=[
        RunningJob(
            label="train textcraft:easy>textcraft:hard",
            done=27,
            total=50,
            seconds=312.0,
            remark="success 0.42",
            success=0.421,
            validation=0.4,
        ),
        RunningJob(
            label="evaluate base on babyai:easy",
            done=40,
            total=128,
            seconds=9.0,
            remark="success 0.25",
            success=0.25,
        ),
    ],
    signs=[
        Sign(
            text="12% of answers cut off at sampling.max_new_tokens",
            label="evaluate base on babyai:easy",
            count=3,
            unit="job",
        )
    ],
)  # fmt: skip


def shown(progress: RunProgress, width: int, height: int, **more: float) -> list[str]:
    return [line.plain for line in view(progress, width, height, plain=True, **more)]


def test_a_small_terminal_shows_how_far_all_is_what_runs_and_what_to_look_at() -> None:
    assert shown(RUN, 80, 24) == [
        "five-environments   runs/five-environments                          12 min 05 s",
        "===================----------------------------   41%  about 18 min 20 s left",
        "stages 2/5   cells 10/40   2 run, 31 wait",
        "12.4 episodes/s   tokens/s: 1,204 sampled, 0.86 trained",
        "",
        "  train textcr...easy>textcraft:hard  =====-----  54%  success 0.42  valid 0.40",
        "  evaluate base on babyai:easy        ===-------  31%  success 0.25",
        "",
        "! 12% of answers cut off at sampling.max_new_tokens (3 jobs, last evaluate b...",
    ]


def test_a_large_terminal_shows_steps_and_times_too() -> None:
    rows = shown(RUN, 140, 40)[5:7]
    assert rows == [
        "  train textcraft:easy>textcraft:hard  ============------------  54%  success 0.42  valid 0.40  27 of 50   "
        "5 min 12 s",
        "  evaluate base on babyai:easy         =======-----------------  31%  success 0.25              "
        "40 of 128  9 s",
    ]


def test_before_anything_is_known_nothing_is_claimed() -> None:
    start = RUN.model_copy(
        update={"share": 0.0, "remaining_seconds": None, "episodes": 0, "sampled_tokens": 0, "learned_tokens": 0}
        | {"running": [], "signs": [], "stages": (0, 0), "waiting": 45}
    )
    assert shown(start, 80, 24)[1:] == [f"{'-' * 47}    0%", "cells 10/40   0 run, 45 wait", "no episode yet"]


def test_a_run_that_says_nothing_any_more_is_said_to() -> None:
    assert "not heard of" not in shown(RUN, 140, 24, silence=29.0)[1]
    first, second = shown(RUN, 140, 24, silence=95.0)[:2]
    assert first.endswith("  13 min 40 s")
    assert second.endswith("about 18 min 20 s left, not heard of for 1 min 35 s")


@pytest.mark.parametrize(
    ("width", "height"), [(60, 12), (80, 24), (81, 13), (109, 24), (110, 30), (140, 40), (400, 100)]
)
@pytest.mark.parametrize(("jobs", "signs"), [(0, 0), (1, 9), (40, 0), (40, 9)])
def test_it_fits_whatever_there_is_to_show(width: int, height: int, jobs: int, signs: int) -> None:
    much = RUN.model_copy(update={"running": RUN.running[:1] * jobs, "signs": RUN.signs * signs})
    lines = view(much, width, height)
    assert len(lines) <= height - 2
    assert max(cell_len(line.plain) for line in lines) <= width - 1
    text = "\n".join(line.plain for line in lines)
    own = sum(line.plain.startswith("  train") for line in lines)
    told = sum(line.plain.startswith("!") for line in lines)
    assert own == jobs or f"  {jobs - own} more run" in text
    assert told == signs or f"  {signs - told} more kinds of signs" in text
    assert min(own, jobs) >= min(jobs, 1) or height < 14
    if height == 100:
        assert (own, told) == (jobs, signs)


@pytest.mark.parametrize(("width", "height"), [(59, 24), (80, 11), (30, 5), (8, 2), (2, 1)])
def test_a_terminal_that_became_too_small_has_the_first_lines(width: int, height: int) -> None:
    lines = view(RUN, width, height)
    assert 1 <= len(lines) <= max(1, height - 2)
    assert all(cell_len(line.plain) <= max(0, width - 1) for line in lines)
    if width == 59:
        assert lines[1].plain == "stages 2/5   cells 10/40   2 run, 31 wait"
