"""`progress.json`: how far a run is, for whoever watches it from another process.

The file is for people and no record of the run: nothing is read from it that a number depends on, and where it cannot
be written the run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from rftcore.display.course import Course
from rftcore.errors import RunError
from rftcore.executor import Job, Progress
from rftcore.records import write_text
from rftcore.schemas.progress import RunProgress

FILE = "progress.json"
REST = 1.0
"""Seconds between two writings, at least."""


class ProgressFile(Course):
    """Keeps the file of a run up to date."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Write into `folder`; `clock` gives seconds."""
        super().__init__(clock)
        self._file = folder / FILE
        self._written = float("-inf")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(over=True)

    def plan(self, jobs: Sequence[Job], slots: int) -> None:
        super().plan(jobs, slots)
        self._write()

    def progress(self, progress: Progress) -> None:
        super().progress(progress)
        if self._clock() - self._written >= REST:
            self._write()

    def finished(self, job: str) -> None:
        super().finished(job)
        if self._clock() - self._written >= REST:
            self._write()

    def _write(self, *, over: bool = False) -> None:
        self._written = self._clock()
        with suppress(RunError, ValueError):  # no room, or a job's words that are no text in UTF-8
            write_text(self._file, self.snapshot(over=over).model_dump_json(indent=1) + "\n", durable=False)


def read_progress(folder: Path) -> RunProgress | None:
    """Return how far the run in `folder` is; None where nobody has told yet.

    Raises RunError when another version of rftcore has told it.
    """
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
        return RunProgress.model_validate_json(text)
    except OSError:
        return None
    except ValidationError as error:
        raise RunError(
            f"{str(folder / FILE)!r} was not written by this version of rftcore; watch the run with the one that "
            "works on it"
        ) from error
