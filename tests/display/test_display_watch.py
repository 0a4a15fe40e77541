"""A run that another process works on, seen from its folder."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from rftcore.display.file import FILE, ProgressFile, read_progress
from rftcore.display.watch import watch
from rftcore.errors import RunError
from rftcore.executor import Progress
from tests.display.test_display_course import Clock, cell, stage


def works(*steps: Callable[[], None]) -> Callable[[], bool]:
    """Return a function that lets the run take a step each time it is asked whether it works, until none is left."""
    waiting: Iterator[Callable[[], None]] = iter(steps)

    def ask() -> bool:
        step = next(waiting, None)
        if step is None:
            return False
        step()
        return True

    return ask


def test_it_tells_what_the_working_process_tells_and_ends_with_it(tmp_path: Path) -> None:
    clock, out = Clock(), io.StringIO()
    told = ProgressFile(tmp_path, clock)
    told.run(tmp_path, [])

    def play(name: str) -> None:
        told.progress(Progress(name, 0, 4))
        clock.now += 8.0
        told.progress(Progress(name, 4, 4, "success 0.50 (0.10 to 0.90)", {"episodes": 4, "success": 0.5}))
        told.finished(name)

    steps = works(
        lambda: None,
        lambda: told.plan([cell("one"), cell("two"), stage("a")], 1),
        lambda: play("one"),
        lambda: play("two"),
        lambda: told.__exit__(None, None, None),
    )
    last = watch(tmp_path, Console(file=out, width=100), steps, beat=0.0)
    assert out.getvalue().splitlines() == [
        "[1/3] evaluate one, success 0.50 (0.10 to 0.90), 8 s",
        "[2/3] evaluate two, success 0.50 (0.10 to 0.90), 8 s",
        "2 of 3 jobs done in 16 s: 8 episodes",
    ]
    assert last is not None and last.over and last.cells == (2, 2)


def test_the_file_is_written_once_a_second_at_most_and_at_the_end(tmp_path: Path) -> None:
    clock = Clock()
    with ProgressFile(tmp_path, clock) as told:
        told.plan([cell("one")], 1)
        clock.now += 0.9
        told.progress(Progress("one", 1, 4, "", {"episodes": 1}))
        found = read_progress(tmp_path)
        assert found is not None and (found.running, found.over) == ([], False)
        clock.now += 0.1
        told.progress(Progress("one", 2, 4, "", {"episodes": 1}))
        found = read_progress(tmp_path)
        assert found is not None and [job.done for job in found.running] == [2]
        told.progress(Progress("one", 4, 4, "", {"episodes": 2}))
        told.finished("one")
    found = read_progress(tmp_path)
    assert found is not None and (found.episodes, found.cells, found.over) == (4, (1, 1), True)


def test_a_run_goes_on_where_the_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / f".{FILE}.writing").mkdir()
    with ProgressFile(tmp_path) as told:
        told.plan([cell("one")], 1)
    assert read_progress(tmp_path) is None


def test_nothing_is_made_up_where_nothing_was_told(tmp_path: Path) -> None:
    out = io.StringIO()
    assert watch(tmp_path, Console(file=out), works(), beat=0.0) is None
    assert out.getvalue() == ""


def test_a_file_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"schema_version": 2}')
    with pytest.raises(RunError, match="watch the run with the one that works on it"):
        read_progress(tmp_path)
