"""Jobs side by side on this machine: independent stages and cells, one core and one thread each.

A worker is a fresh interpreter (`rftcore.executors.worker`) and not a fork or a `multiprocessing` child, so the user's
script needs no `if __name__ == "__main__"`, and no thread or lock of the driver is copied. Workers start when there is
work, and live on to spare the next job the imports. A worker that dies costs its own job only, and none outlives its
driver. Each sees one GPU at most: the first ones have those that there are. Not for Windows.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field

from rftcore.errors import RunError
from rftcore.executor import Executor, Job, Outcome, Progress
from rftcore.executors.child import Child
from rftcore.executors.machine import GPUS, cores, gpus
from rftcore.executors.target import plain
from rftcore.schemas.frozen import Frozen


class Processes(Executor):
    """Runs up to `workers` jobs at once, each in its own long-lived process."""

    class Config(Frozen):
        """Options of the executor."""

        workers: int | None = Field(default=None, ge=1)
        """Cores for jobs: so many run at once, or fewer where a job has several `threads`. None takes the cores that
        this process may use; with little memory, take fewer."""
        per_gpu: int = Field(default=1, ge=1)
        """Jobs at once that share a GPU, where there are any."""

    name: ClassVar[str] = "processes"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Start nothing yet."""
        super().__init__(config, **options)
        self._slots: int = self.config.workers or cores()
        self._gpus = gpus()
        self._changed = threading.Condition()  # guards what follows, but for the news
        self._waiting: list[Job] = []
        self._busy = 0
        self._threads: list[threading.Thread] = []
        self._workers: dict[int, Child] = {}
        self._pending = 0
        self._closed = False
        self._news: queue.SimpleQueue[Progress | Outcome] = queue.SimpleQueue()

    @property
    def slots(self) -> int:
        """How many jobs run side by side."""
        return self._slots

    def submit(self, job: Job) -> None:
        """Queue a job; it starts as soon as there is a worker for it. Raises RuntimeError after `close`."""
        if self._closed:
            raise RuntimeError(f"submit() of {job.label!r} after close(); make a new executor")
        self._pending += 1
        with self._changed:
            self._waiting.append(job)
            self._changed.notify_all()
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
        with self._changed:
            self._closed = True
            for worker in self._workers.values():
                worker.kill()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._pending = 0

    def _serve(self, slot: int) -> None:
        """Give jobs to one worker, and a new worker to the jobs when the old one has died."""
        while (job := self._next(slot)) is not None:
            try:
                outcome = self._run(slot, job)
            except Exception as error:
                outcome = Outcome(job.id, error=error)
            with self._changed:
                self._busy -= self._cores(job)
                self._changed.notify_all()
            self._news.put(outcome)
        if slot in self._workers:
            self._workers[slot].close()

    def _next(self, slot: int) -> Job | None:
        """Return the first job that this worker may have, once it has its cores; None after `close`."""
        with self._changed:
            while not self._closed:
                job = next((job for job in self._waiting if self._gpu(slot) or not (job.gpus and self._gpus)), None)
                if job is not None and self._busy + self._cores(job) <= self._slots:
                    self._waiting.remove(job)
                    self._busy += self._cores(job)
                    return job
                self._changed.wait()
        return None

    def _run(self, slot: int, job: Job) -> Outcome:
        request = json.dumps({"target": job.target, "payload": plain(job.payload, f"payload of {job.target}")})
        with self._changed:
            worker = self._workers.get(slot)
            if self._closed:
                raise RunError(f"{job.label}: stopped before it began")
            if worker is None or not worker.alive:
                if worker is not None:
                    worker.close()
                worker = self._workers[slot] = Child({GPUS: self._gpu(slot)} if self._gpus else {})
        return worker.run(job, request, self._news.put)

    def _cores(self, job: Job) -> int:
        return min(job.cpus, self._slots)

    def _gpu(self, slot: int) -> str:
        """Return the GPU that a worker sees; empty: none."""
        return self._gpus[slot % len(self._gpus)] if slot < len(self._gpus) * self.config.per_gpu else ""
