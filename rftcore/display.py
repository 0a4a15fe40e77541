"""What a person sees while a run works: one bar for the whole, one for each job that runs, and how long it will take.

A display is told what happens and changes nothing. How long the rest will take is an estimate: from the pace of the
jobs so far, and from how much work each job is expected to be.
"""

from __future__ import annotations

import time
from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

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


@dataclass
class _Running:
    job: Job
    began: float
    row: TaskID
    start: float
    """Share that was done when it began: more than 0 for a stage that goes on."""
    share: float
    remark: str = ""

    @property
    def work(self) -> float:
        """Done since it began, as a size."""
        return self.job.size * (self.share - self.start)


class Bars(Display):
    """Progress bars of rich above which finished jobs scroll by; outside a terminal, one line for each finished job."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """Draw on `console`; `clock` gives seconds."""
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
        from rich.table import Column

        name = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self._console, self._clock = console, clock
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=name),
            BarColumn(bar_width=10),
            TaskProgressColumn(),
            TextColumn("{task.fields[remark]}", markup=False, table_column=Column(no_wrap=True)),
            console=console,
            expand=True,
            disable=not console.is_terminal,
        )
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[str, Job] = {}
        self._running: dict[str, _Running] = {}
        self._ended: list[tuple[str, float, float]] = []  # target, size, seconds
        self._slots = 1
        self.told: BaseException | None = None
        """The first failure, which has been printed in full."""

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def plan(self, jobs: Sequence[Job], slots: int) -> None:
        """Show one bar for all jobs."""
        self._jobs = {job.id: job for job in jobs}
        self._waiting = dict(self._jobs)
        self._slots = slots
        self._whole = self._bars.add_task("", total=sum(job.size for job in jobs), remark="")
        self._draw()

    def warned(self, text: str) -> None:
        """Print a line that stays."""
        self._print(text, "yellow")

    def progress(self, progress: Progress) -> None:
        """Show or move a job's bar."""
        share = progress.done / max(progress.total, 1e-9)
        running = self._running.get(progress.job)
        if running is None:
            job = self._waiting.pop(progress.job)
            row = self._bars.add_task(job.label, total=progress.total, remark="")
            running = self._running[job.id] = _Running(job, self._clock(), row, share, share)
        if share == running.start:  # a model is loaded before work begins: that says nothing about the pace
            running.began = self._clock()
        running.share, running.remark = share, progress.remark
        self._bars.update(running.row, completed=progress.done, total=progress.total, remark=progress.remark)
        self._draw()

    def finished(self, job: str) -> None:
        """Take the job's bar away and print a line that stays."""
        running = self._end(job)
        words = [self._jobs[job].label]
        if running is not None:
            running.share = 1.0
            self._ended.append((running.job.target, running.work, self._clock() - running.began))
            words += [running.remark, _time(self._clock() - running.began)]
        remaining = self.remaining()
        if remaining is not None and not self._console.is_terminal:  # there, the bar says it
            words.append(f"{_time(remaining)} left")
        self._print(f"{self._count()} {', '.join(word for word in words if word)}", "")
        self._draw()

    def lost(self, job: str, error: BaseException) -> None:
        """Take the job's bar away, and say why it begins again."""
        self._end(job)
        self._waiting[job] = self._jobs[job]
        self._print(f"{error}\nIt is given to another worker, and goes on from what it had saved.", "yellow")
        self._draw()

    def failed(self, job: str, error: BaseException) -> None:
        """Take the job's bar away and say why."""
        self._end(job)
        self.told = self.told or error
        text = str(error) or type(error).__name__
        self._print(f"{self._jobs[job].label} failed: {text}", "red")
        if self._running:
            self._print("What runs now is let finish; nothing else begins.", "red")

    def remaining(self) -> float | None:
        """Return about how many seconds are left; None while nothing is known, after a failure, and at the end."""
        now = self._clock()
        pace = self._ended + [(r.job.target, r.work, now - r.began) for r in self._running.values() if r.work > 0]
        if not pace or self.told or not (self._waiting or self._running):
            return None
        every = sum(seconds for _, _, seconds in pace) / sum(size for _, size, _ in pace)
        left = {r.job.id: r.job.size * (1 - r.share) for r in self._running.values()}
        left |= {job.id: job.size for job in self._waiting.values()}
        seconds = 0.0
        for target in {self._jobs[key].target for key in left}:
            own = [(size, spent) for kind, size, spent in pace if kind == target]
            rate = sum(spent for _, spent in own) / sum(size for size, _ in own) if own else every
            seconds += rate * sum(size for key, size in left.items() if self._jobs[key].target == target)
        return seconds / min(self._slots, len(left))

    def _end(self, job: str) -> _Running | None:
        self._waiting.pop(job, None)
        running = self._running.pop(job, None)
        if running is not None:
            self._bars.remove_task(running.row)
        return running

    def _count(self) -> str:
        done = len(self._jobs) - len(self._waiting) - len(self._running)
        return f"[{done}/{len(self._jobs)}]"

    def _draw(self) -> None:
        remaining = self.remaining()
        whole = sum(job.size for job in self._jobs.values())
        left = sum(job.size for job in self._waiting.values())
        left += sum(running.job.size * (1 - running.share) for running in self._running.values())
        self._bars.update(
            self._whole,
            description=f"{self._count()} all jobs",
            completed=whole - left,
            remark="" if remaining is None else f"{_time(remaining)} left",
        )

    def _print(self, text: str, style: str) -> None:
        self._console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
