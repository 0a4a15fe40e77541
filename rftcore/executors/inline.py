"""Jobs one after the other in this process: nothing to start, easy to debug, the reference for every other executor.

A job runs inside `wait`, in the order of submission. It refuses to hide an interruption: Ctrl-C during a job leaves
`wait` as KeyboardInterrupt, while any other exception becomes the job's outcome.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from rftcore.executor import Executor, Job, Outcome, Progress
from rftcore.executors.target import NONE, call
from rftcore.schemas.frozen import Frozen


class Inline(Executor):
    """Runs each job when it is waited for."""

    name: ClassVar[str] = "inline"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take no options."""
        super().__init__(config, **options)
        self._queue: deque[Job] = deque()
        self._closed = False

    @property
    def slots(self) -> int:
        """Always 1."""
        return 1

    def submit(self, job: Job) -> None:
        """Queue a job; it runs in a later `wait`. Raises RuntimeError after `close`."""
        if self._closed:
            raise RuntimeError(f"submit() of {job.label!r} after close(); make a new executor")
        self._queue.append(job)

    def wait(self, on_progress: Callable[[Progress], None]) -> Outcome:
        """Run the oldest job to its end. Raises RuntimeError when there is none."""
        if not self._queue:
            raise RuntimeError("wait() found no job; submit one first")
        job = self._queue.popleft()

        def progress(done: float, total: float, remark: str, figures: Mapping[str, float] = NONE, /) -> None:
            on_progress(Progress(job.id, float(done), float(total), remark, dict(figures)))

        try:
            return Outcome(job.id, value=call(job.target, job.payload, progress))
        except Exception as error:
            return Outcome(job.id, error=error)

    def close(self) -> None:
        """Forget the jobs that have not begun."""
        self._queue.clear()
        self._closed = True
