"""Executors that keep every promise but one; `tests/testing/test_kind_checks.py` says which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rftcore.errors import ConfigError
from rftcore.executor import Job, Outcome, Progress
from rftcore.executors.child import RemoteError
from rftcore.executors.inline import Inline
from rftcore.executors.processes import Processes
from rftcore.testing import jobs

OnProgress = Callable[[Progress], None]


class Row(Inline):
    """Keeps every promise."""

    name = "row"


class Direct(Row):
    def wait(self, on_progress: OnProgress) -> Outcome:
        job = self._queue[0]
        if job.target.endswith(":tell"):
            return Outcome(self._queue.popleft().id, jobs.tell(job.payload, lambda *progress: None))
        return super().wait(on_progress)


class Mute(Row):
    def wait(self, on_progress: OnProgress) -> Outcome:
        seen: list[Progress] = []
        outcome = super().wait(seen.append)
        for progress in reversed(seen):
            on_progress(progress)
        return outcome


class Wordless(Row):
    def wait(self, on_progress: OnProgress) -> Outcome:
        outcome = super().wait(on_progress)
        return outcome if outcome.error is None else replace(outcome, error=RemoteError(str(outcome.error)))


class Patient(Row):
    def wait(self, on_progress: OnProgress) -> Outcome:
        return super().wait(on_progress) if self._queue else Outcome("none")


class Echoing(Row):
    """Gives the first job's value to every other one."""

    def wait(self, on_progress: OnProgress) -> Outcome:
        outcome = super().wait(on_progress)
        self._first = getattr(self, "_first", outcome.value)
        return replace(outcome, value=self._first)


class Strict(Row):
    def submit(self, job: Job) -> None:
        if job.gpus:
            raise ConfigError("no GPU here")
        super().submit(job)


class Boastful(Row):
    @property
    def slots(self) -> int:
        return 2


class Calm(Processes):
    name = "row"

    def wait(self, on_progress: OnProgress) -> Outcome:
        outcome = super().wait(on_progress)
        return replace(outcome, error=RemoteError("died")) if "died" in str(outcome.error) else outcome


class Lingering(Processes):
    name = "row"

    def close(self) -> None:
        pass
