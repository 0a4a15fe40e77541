"""Jobs side by side on this machine: independent stages and cells, one core and one thread each.

A worker is a fresh interpreter (`rftcore.executors.worker`) and not a fork or a `multiprocessing` child, so the user's
script needs no `if __name__ == "__main__"`, and no thread or lock of the driver is copied. Workers start when there is
work, and live on to spare the next job the imports. A worker that dies costs its own job only, and none outlives its
driver. Not for Windows.
"""

from __future__ import annotations

import json
import math
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from rftcore.errors import RunError
from rftcore.executor import Executor, Job, Outcome, Progress
from rftcore.executors.child import Child
from rftcore.executors.target import plain
from rftcore.schemas.frozen import Frozen


class Processes(Executor):
    """Runs up to `workers` jobs at once, each in its own long-lived process."""

    class Config(Frozen):
        """Options of the executor."""

        workers: int | None = Field(default=None, ge=1)
        """Jobs at once; None takes the cores that this process may use. With one GPU, or little memory, take 1."""

    name: ClassVar[str] = "processes"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Start nothing yet."""
        super().__init__(config, **options)
        self._slots: int = self.config.workers or cores()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[Progress | Outcome] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._workers: dict[int, Child] = {}
        self._lock = threading.Lock()
        self._pending = 0
        self._closed = False

    @property
    def slots(self) -> int:
        """How many jobs run side by side."""
        return self._slots

    def submit(self, job: Job) -> None:
        """Queue a job; it starts as soon as a worker is free. Raises RuntimeError after `close`."""
        if self._closed:
            raise RuntimeError(f"submit() of {job.label!r} after close(); make a new executor")
        self._pending += 1
        self._jobs.put(job)
        if len(self._threads) < self._slots:
            thread = threading.Thread(target=self._serve, args=(len(self._threads),), daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self, on_progress: Callable[[Progress], None]) -> Outcome:
        """Block until one job ends. Raises RuntimeError when no job is under way or queued.

        An `RftError` of the job comes back as the same type with the same message, another exception as `RemoteError`,
        both with the worker's traceback as a note; the death of a worker is a `RunError`.
        """
        if not self._pending:
            raise RuntimeError("wait() found no job; submit one first")
        while isinstance(news := self._news.get(), Progress):
            on_progress(news)
        self._pending -= 1
        return news

    def close(self) -> None:
        """Kill the workers, whatever they do, and drop the jobs that have not begun. Safe to call twice."""
        with self._lock:
            self._closed = True
            for worker in self._workers.values():
                worker.kill()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._pending = 0

    def _serve(self, slot: int) -> None:
        """Give the jobs of the queue to one worker, and a new worker to the jobs when the old one has died."""
        while (job := self._jobs.get()) is not None and (not self._closed):
            try:
                outcome = self._run(slot, job)
            except Exception as error:
                outcome = Outcome(job.id, error=error)
            self._news.put(outcome)
        if slot in self._workers:
            self._workers[slot].close()

    def _run(self, slot: int, job: Job) -> Outcome:
        request = json.dumps({"target": job.target, "payload": plain(job.payload, f"payload of {job.target}")})
        with self._lock:
            worker = self._workers.get(slot)
            if self._closed:
                raise RunError(f"{job.label}: stopped before it began")
            if worker is None or not worker.alive:
                if worker is not None:
                    worker.close()
                worker = self._workers[slot] = Child()
        return worker.run(job, request, self._news.put)


def cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return the cores that this process may use, at least 1: its affinity, capped by its container's CPU quota.

    `quota` is the control group's file, `<microseconds> <period>` or `max <period>`; it need not exist.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text(encoding="ascii").split()
        return count if share == "max" else max(1, min(count, math.ceil(int(share) / int(period))))
    except (OSError, ValueError):
        return count
