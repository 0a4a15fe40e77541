"""A terminal that goes away, a pipe without a reader, and words that are no text: they end no run and hide no error."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from rftcore.display import Several
from rftcore.display.file import FILE, ProgressFile
from rftcore.display.lines import Lines
from tests.display.test_display_course import cell
from tests.display.test_display_terminal import JOBS, Paper, Seen, play


class Gone(Paper):
    """A terminal that somebody closes."""

    closed_at: int | None = None
    tried = 0

    def write(self, text: str) -> int:
        if self.closed_at is not None:
            self.tried += 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().write(text)


def closing(monkeypatch: pytest.MonkeyPatch) -> tuple[Seen, Gone]:
    monkeypatch.setenv("TERM", "xterm-256color")
    seen, paper = Seen(), Gone()
    seen.console.file = paper
    return seen, paper


def test_a_terminal_that_goes_away_ends_no_run_and_is_not_written_to_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, paper = closing(monkeypatch)
    before = sys.stdout, sys.stderr
    with seen.show:
        seen.show.plan(JOBS, 1)
        play(seen, "base on a")
        paper.closed_at = paper.tell()
        play(seen, "base on b")
        assert paper.tried == 1
        seen.show._screen.draw()
        play(seen, "base on c")
        assert paper.tried == 1
    assert (sys.stdout, sys.stderr) == before
    assert [job.label for job in seen.show.snapshot().ended] == [f"evaluate base on {name}" for name in "abc"]
    assert not seen.show._screen._thread.is_alive()


def test_a_terminal_that_is_gone_before_the_run_begins_ends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, paper = closing(monkeypatch)
    paper.closed_at = 0
    with seen.show:
        seen.show.plan(JOBS, 1)
        play(seen, "base on a")
    assert len(seen.show.snapshot().ended) == 1


def test_a_terminal_that_goes_away_as_its_size_changes_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, paper = closing(monkeypatch)
    with seen.show:
        seen.show.plan(JOBS, 1)
        play(seen, "base on a")
        paper.closed_at = paper.tell()
        seen.resize(60, 20)
        seen.show._screen.draw()
        play(seen, "base on b")
    assert len(seen.show.snapshot().ended) == 2


def test_a_pipe_whose_reader_died_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    pipe = os.fdopen(writer, "w")
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)  # rich turns it to nowhere
        show = Lines(Console(file=pipe, width=200))
        show.plan(JOBS, 1)
        show.finished("base on a")
        show.finished("base on b")
        monkeypatch.undo()
    assert len(show.snapshot().ended) == 2
    with pytest.raises(BrokenPipeError):
        pipe.close()


def test_the_error_of_a_job_is_not_replaced_by_one_of_writing_it_down(tmp_path: Path) -> None:
    error = ValueError(f"no file {os.fsdecode(b'caf' + bytes([0xE9]))!s}")
    seen = Seen()
    show = Several(seen.show, ProgressFile(tmp_path))

    def failing() -> None:
        with show:
            show.plan([cell("base on a")], 1)
            show.failed("base on a", error)
            raise error

    with pytest.raises(ValueError, match="no file caf") as found:
        failing()
    assert found.value is error
    assert not seen.show._screen._thread.is_alive()
    assert json.loads((tmp_path / FILE).read_text())["ended"] == []


def test_each_of_several_displays_is_left_when_leaving_another_fails(tmp_path: Path) -> None:
    class Careless(Lines):
        def __exit__(self, *reasons: object) -> None:
            raise RuntimeError("cannot be left")

    seen = Seen()
    with pytest.raises(RuntimeError, match="cannot be left"), Several(seen.show, Careless(seen.console)):
        pass
    assert not seen.show._screen._thread.is_alive()
