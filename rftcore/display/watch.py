"""The live view of a run that another process works on: read from its folder, where no file of the run is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rftcore.display.file import read_progress
from rftcore.display.lines import STYLES, closing_line, ended_line, sign_line
from rftcore.display.screen import Screen, fits
from rftcore.schemas.progress import EndedJob, RunProgress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

BEAT = 1.0
"""Seconds between two looks at the file."""


def watch(folder: Path, console: Console, works: Callable[[], bool], beat: float = BEAT) -> RunProgress | None:
    """Show on `console` how far the run in `folder` is, until nobody works on it, as `works` tells; return the last.

    None where nobody has told yet. Raises RunError as `read_progress` does.
    """
    watched = _Watched(folder, console, works, beat)
    if not fits(console):
        return watched.follow(lambda text, kind: _print(console, text, STYLES[kind]))
    with Screen(console, watched.view) as screen:
        return watched.follow(lambda text, kind: screen.print(text, STYLES[kind]))


class _Watched:
    """A run as its folder tells of it."""

    def __init__(self, folder: Path, console: Console, works: Callable[[], bool], beat: float) -> None:
        self._folder, self._works, self._beat = folder, works, beat
        self._plain = not console.encoding.startswith("utf")
        self._progress = read_progress(folder)
        self._told: list[EndedJob] = []

    def follow(self, say: Callable[[str, str], None]) -> RunProgress | None:
        """Say what ends and what is to be seen, until nobody works on the run."""
        while True:
            works = self._works()  # before the file is read: the last that is written is never missed
            self._progress = read_progress(self._folder) or self._progress
            if self._progress is not None:
                self._say(self._progress, say)
            if not works:
                break
            time.sleep(self._beat)
        if self._progress is not None:
            for sign in self._progress.signs:
                say(sign_line(sign), "sign")
            say(closing_line(self._progress), "ended")
        return self._progress

    def view(self, width: int, height: int) -> Sequence[Text]:
        """Return the lines of the view."""
        from rich.text import Text

        from rftcore.display.view import view

        if self._progress is None:
            return [Text("Nothing has been told of this run yet.")]
        silence = (datetime.now(UTC) - datetime.fromisoformat(self._progress.at)).total_seconds()
        return view(self._progress, width, height, plain=self._plain, silence=max(0.0, silence))

    def _say(self, progress: RunProgress, say: Callable[[str, str], None]) -> None:
        if progress.ended[: len(self._told)] != self._told:  # another session has begun
            self._told = []
        for job in progress.ended[len(self._told) :]:
            say(ended_line(job, progress.jobs), "failed" if job.error else "ended")
        self._told = list(progress.ended)


def _print(console: Console, text: str, style: str) -> None:
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
