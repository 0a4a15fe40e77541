"""The live view of a run in the terminal that works on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rftcore.display.lines import STYLES, Lines, closing_line, sign_line
from rftcore.display.screen import BEAT, Screen, fits
from rftcore.executor import Job, Progress
from rftcore.schemas.progress import Sign

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def shown_on(console: Console) -> Lines:
    """Return the display for `console`: a live view where there is room for one, and lines elsewhere."""
    return Terminal(console) if fits(console) else Lines(console)


class Terminal(Lines):
    """Lines that scroll by above a view which is drawn anew twice a second."""

    rest = False

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic, beat: float = BEAT) -> None:
        """Draw on `console` every `beat` seconds; `clock` gives seconds."""
        super().__init__(console, clock)
        self._plain = not console.encoding.startswith("utf")
        self._lock = threading.RLock()  # the screen draws from a thread of its own
        self._screen = Screen(console, self._view, beat)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self._screen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        progress = self.snapshot()
        if progress.jobs:
            for sign in progress.signs:
                super().print(sign_line(sign), "sign")
            super().print(closing_line(progress), "ended")

    def run(self, folder: Path, done: Sequence[Job]) -> None:
        with self._lock:
            super().run(folder, done)

    def plan(self, jobs: Sequence[Job], slots: int) -> None:
        with self._lock:
            super().plan(jobs, slots)

    def progress(self, progress: Progress) -> None:
        with self._lock:
            super().progress(progress)

    def finished(self, job: str) -> None:
        with self._lock:
            super().finished(job)

    def lost(self, job: str, error: BaseException) -> None:
        with self._lock:
            super().lost(job, error)

    def failed(self, job: str, error: BaseException) -> None:
        with self._lock:
            super().failed(job, error)

    def noticed(self, sign: Sign) -> None:
        """The view shows it."""

    def print(self, text: str, kind: str) -> None:
        self._screen.print(text, STYLES[kind])

    def _view(self, width: int, height: int) -> Sequence[Text]:
        from rftcore.display.view import view

        with self._lock:
            progress = self.snapshot()
        return view(progress, width, height, plain=self._plain)
