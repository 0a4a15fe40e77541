"""What a person sees while a run works: one bar for the whole, one for each job that runs, and how long it will take."""

from __future__ import annotations

import time
from abc import ABC
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rftcore.executor import Job, Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


class Display(ABC):
    """Told what happens; changes nothing. A context for the time that jobs run."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def plan(self, jobs: Sequence[Job], slots: int) -> None:
        """These jobs are to be done, `slots` of them side by side."""

    def progress(self, progress: Progress) -> None:
        """A job got further."""

    def finished(self, job: str) -> None:
        """A job is done."""


class Silent(Display):
    """Shows nothing: the default in Python."""


class Bars(Display):
    """Progress bars of rich; on something that is not a terminal, one line for each finished job."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[remark]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._jobs: dict[str, Job] = {}
        self._left: dict[str, Job] = {}
        self._rows: dict[str, TaskID] = {}
        self._begun: dict[str, float] = {}
        self._spent: dict[str, list[float]] = {}
        self._shares: dict[str, float] = {}
        self._slots = 1

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def plan(self, jobs: Sequence[Job], slots: int) -> None:
        self._jobs = {job.id: job for job in jobs}
        self._left = dict(self._jobs)
        self._slots = slots
        self._whole = self._bars.add_task("[bold]all jobs", total=len(jobs), remark="")

    def progress(self, progress: Progress) -> None:
        job = self._jobs[progress.job]
        if progress.job not in self._rows:
            self._begun[progress.job] = time.monotonic()
            self._rows[progress.job] = self._bars.add_task(job.label, total=progress.total, remark="")
        self._shares[progress.job] = progress.done / max(progress.total, 1e-9)
        self._bars.update(
            self._rows[progress.job], completed=progress.done, total=progress.total, remark=progress.remark
        )
        self._bars.update(self._whole, remark=self._remaining())

    def finished(self, job: str) -> None:
        begun = self._begun.pop(job, None)
        if begun is not None:
            self._spent.setdefault(self._jobs[job].target, []).append(time.monotonic() - begun)
        self._shares.pop(job, None)
        row = self._rows.pop(job, None)
        if row is not None:
            self._bars.remove_task(row)
        del self._left[job]
        done, remaining = len(self._jobs) - len(self._left), self._remaining()
        self._bars.update(self._whole, completed=done, remark=remaining)
        text = f"[{done}/{len(self._jobs)}] {self._jobs[job].label}"
        self._console.print(f"{text}, {remaining}" if remaining else text, highlight=False, markup=False)

    def _remaining(self) -> str:
        """Estimate from what like jobs took, and from how far the running ones are."""
        known = {target: sum(spent) / len(spent) for target, spent in self._spent.items()}
        for job, begun in self._begun.items():
            if self._shares.get(job, 0.0) > 0.05:
                guess = (time.monotonic() - begun) / self._shares[job]
                known.setdefault(self._jobs[job].target, guess)
        left = list(self._left.values())
        if not left or any(job.target not in known for job in left):
            return ""
        seconds = sum(known[job.target] * (1 - self._shares.get(job.id, 0.0)) for job in left) / self._slots
        return f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {seconds:.0f} s left"
