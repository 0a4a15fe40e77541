"""One line for each job that ends, and one for whatever a person should look at: for pipes, logs and notebooks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rftcore.display.course import Course
from rftcore.schemas.progress import EndedJob, RunProgress, Sign

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"failed": "red", "sign": "yellow", "ended": ""}


class Lines(Course):
    """Prints a line when there is something to say."""

    rest = True
    """Whether a line of a job that ended says how long the rest will take."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """Print on `console`; `clock` gives seconds."""
        super().__init__(clock)
        self._console = console
        self._gone = False

    def warned(self, text: str) -> None:
        self.print(text, "sign")

    def finished(self, job: str) -> None:
        super().finished(job)
        self.print(ended_line(self._ended[-1], len(self._jobs), self.remaining() if self.rest else None), "ended")

    def lost(self, job: str, error: BaseException) -> None:
        self.print(f"{error}\nIt is given to another worker, and goes on from what it had saved.", "sign")
        super().lost(job, error)

    def failed(self, job: str, error: BaseException) -> None:
        super().failed(job, error)
        self.print(ended_line(self._ended[-1], len(self._jobs)), "failed")
        if self._running:
            self.print("What runs now is let finish; nothing else begins.", "failed")

    def noticed(self, sign: Sign) -> None:
        self.print(f"! {sign.text} ({sign.label})", "sign")

    def print(self, text: str, kind: str) -> None:
        """Print `text`, one of the `STYLES`; nothing any more when the console's terminal, or its reader, is gone."""
        if self._gone:
            return
        try:
            self._console.print(text, style=STYLES[kind], highlight=False, markup=False, soft_wrap=True)
        except (OSError, SystemExit):  # rich would end the process where a pipe has no reader
            self._gone = True


def ended_line(job: EndedJob, jobs: int, remaining: float | None = None) -> str:
    """Return what is said of a job that ended, of so many that were planned, and of the time for the rest."""
    if job.error:
        return f"{job.label} failed: {job.error}"
    words = [job.label, job.remark, "" if job.seconds is None else spent(job.seconds)]
    words += [] if remaining is None else [f"{spent(remaining)} left"]
    return f"[{job.number}/{jobs}] {', '.join(word for word in words if word)}"


def sign_line(sign: Sign) -> str:
    """Return what is to be seen, where, and how often it was."""
    times = "" if sign.count == 1 else f"{sign.count:,} {sign.unit}s, last "
    return f"! {sign.text} ({times}{sign.label})"


def closing_line(progress: RunProgress) -> str:
    """Return what a session did, in one line."""
    counted = [
        f"{count:,.0f} {what}"
        for count, what in (
            (progress.episodes, "episodes"),
            (progress.sampled_tokens, "tokens sampled"),
            (progress.learned_tokens, "tokens trained on"),
        )
        if count
    ]
    done = len([job for job in progress.ended if not job.error])
    return (
        f"{done} of {progress.jobs} jobs done in {spent(progress.elapsed_seconds)}: {', '.join(counted) or 'nothing'}"
    )


def spent(seconds: float) -> str:
    """Return a span of time: 45.2 -> `45 s`, 70 -> `1 min 10 s`, 3725 -> `1 h 02 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
