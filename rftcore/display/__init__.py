"""What a person sees while a run works: the contract of a display.

A display is told what happens and changes nothing: where it can show nothing any more, the run goes on.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from rftcore.executor import Job, Progress


class Display(ABC):
    """Told what happens; changes nothing. A context for the time that jobs run."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def run(self, folder: Path, done: Sequence[Job]) -> None:
        """The run in `folder` is worked on; these of its jobs are done already. Told before `plan`."""

    def plan(self, jobs: Sequence[Job], slots: int) -> None:
        """These jobs are to be done, `slots` of them side by side."""

    def warned(self, text: str) -> None:
        """Something about the run may go wrong, and the run goes on."""

    def progress(self, progress: Progress) -> None:
        """A job got further; the first progress says that it begins."""

    def finished(self, job: str) -> None:
        """A job is done."""

    def lost(self, job: str, error: BaseException) -> None:
        """A job's worker died, as `error` says, and the job will be given to another one."""

    def failed(self, job: str, error: BaseException) -> None:
        """A job ended with `error`."""


class Silent(Display):
    """Shows nothing: the default in Python."""


class Several(Display):
    """Tells all of `displays`."""

    def __init__(self, *displays: Display) -> None:
        self._displays = displays
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as entered:
            for display in self._displays:
                entered.enter_context(display)
            self._open = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def run(self, folder: Path, done: Sequence[Job]) -> None:
        for display in self._displays:
            display.run(folder, done)

    def plan(self, jobs: Sequence[Job], slots: int) -> None:
        for display in self._displays:
            display.plan(jobs, slots)

    def warned(self, text: str) -> None:
        for display in self._displays:
            display.warned(text)

    def progress(self, progress: Progress) -> None:
        for display in self._displays:
            display.progress(progress)

    def finished(self, job: str) -> None:
        for display in self._displays:
            display.finished(job)

    def lost(self, job: str, error: BaseException) -> None:
        for display in self._displays:
            display.lost(job, error)

    def failed(self, job: str, error: BaseException) -> None:
        for display in self._displays:
            display.failed(job, error)
