"""Jobs on Ray: on this machine, or on the machines of a cluster, each in an actor that Ray finds a place for.

An actor lives on from job to job, because a job's imports take longer than a small job, and is given the next one that
needs as much. All of it happens in the calls of the driver: there is no thread here that could outlive them.
"""

from __future__ import annotations

import os
import platform
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil
import ray
from pydantic import Field, JsonValue
from ray.exceptions import RayError

from rftcore.errors import RunError
from rftcore.executor import Executor, Job, Outcome, Progress
from rftcore.executors.child import ONE_THREAD, revive
from rftcore.executors.machine import cores, gpus
from rftcore.executors.target import plain
from rftcore.schemas.frozen import Frozen
from rftcore_ray.session import start
from rftcore_ray.share import Share, free, machines, share
from rftcore_ray.worker import MARK, Message, Worker

GONE = 10.0
"""Seconds that a killed actor is waited for."""


@dataclass
class Running:
    """A job under way."""

    job: Job
    actor: Any
    share: Share
    used: bool
    """Whether the actor had a job before."""
    begun: bool = False
    process: psutil.Process | None = None
    """The actor's, where it is one of this machine."""

    def hear(self, messages: list[Message]) -> None:
        """Take in that the job has begun, and where."""
        self.begun = True
        for message in messages:
            if "process" in message:
                self.process = _process(*message["process"])


class Ray(Executor):
    """Runs jobs in Ray actors."""

    class Config(Frozen):
        """Where, and how many."""

        address: str | None = Field(default=None, pattern=r"^(auto|[^:/\s]+:[0-9]+)$")
        """A running cluster that this machine belongs to: `auto`, or `HOST:PORT`. None starts Ray on this machine."""
        workers: int | None = Field(default=None, ge=1)
        """Cores for jobs: so many run at once, or fewer where a job has several `threads`. None takes the cores that
        this process may use, or those of the cluster."""
        per_gpu: int = Field(default=1, ge=1)
        """Jobs at once that share a GPU, where there are any."""
        runtime_env: dict[str, JsonValue] = Field(default={})
        """What Ray prepares on each machine of a cluster, in Ray's own words: `env_vars`, `working_dir`, `pip`, ..."""

    name: ClassVar[str] = "ray"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Start nothing yet."""
        super().__init__(config, **options)
        self._waiting: list[Job] = []
        self._running: dict[Any, Running] = {}
        self._idle: list[tuple[Any, Share]] = []
        self._mark = uuid.uuid4().hex
        self._marked: set[str] = set()
        self._started: bool | None = None
        self._closed = False

    @property
    def slots(self) -> int:
        """How many jobs run side by side. Joins the cluster when it has to be asked; raises RunError then."""
        if self.config.workers is not None or self.config.address is None:
            return self.config.workers or cores()
        self._start()
        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    @property
    def elsewhere(self) -> bool:
        """A cluster may have other machines."""
        return self.config.address is not None

    def submit(self, job: Job) -> None:
        """Queue a job; the next `wait` hands it to Ray. Raises RuntimeError after `close`."""
        if self._closed:
            raise RuntimeError(f"submit() of {job.label!r} after close(); make a new executor")
        self._waiting.append(job)

    def wait(self, on_progress: Callable[[Progress], None]) -> Outcome:
        """Block until one job ends. Raises RuntimeError when no job is under way or queued, RunError without Ray.

        Errors of a job come back as from `processes`. The death of an actor, or of its machine, is a `RunError`.
        """
        if not (self._waiting or self._running):
            raise RuntimeError("wait() found no job; submit one first")
        self._start()
        while True:
            while (chosen := self._next()) is not None:
                try:
                    self._begin(*chosen)
                except Exception as error:
                    return Outcome(chosen[0].id, error=error)
            if not all(running.begun for running in self._running.values()):
                self._release()  # Ray may have no place for that one before
            (stream, *_), _ = ray.wait(list(self._running))
            outcome = self._hear(stream, on_progress)
            if outcome is not None:
                return outcome

    def close(self) -> None:
        """Kill the actors, whatever they do, and end Ray if it was started here. Safe to call twice."""
        self._closed = True
        self._waiting.clear()
        for running in self._running.values():
            ray.kill(running.actor)
        for stream, running in self._running.items():
            _await_end(stream, running)
        self._running.clear()
        self._release()
        for folder in self._marked:
            (Path(folder) / MARK).unlink(missing_ok=True)
        self._marked.clear()
        if self._started:
            ray.shutdown(wait_for_processes=True)
        self._started = None

    def _start(self) -> None:
        if self._started is None:
            self._started = start(self.config.address, self.config.workers or cores(), len(gpus()))

    def _next(self) -> tuple[Job, Share] | None:
        """Take the first job off the queue for which there is a GPU, if it needs one, once there are cores for it."""
        there = machines()
        total = Share(self.slots, sum(machine.gpus for machine in there))
        left = free(total, (running.share for running in self._running.values()))
        for job in self._waiting:
            wanted = share(job, total.cpus, self.config.per_gpu, there)
            if wanted.gpus <= left.gpus:
                if wanted.cpus > left.cpus:
                    return None
                self._waiting.remove(job)
                return job, wanted
        return None

    def _begin(self, job: Job, wanted: Share) -> None:
        """Give a job to an idle actor that holds what it needs, or to a new one."""
        payload = plain(job.payload, f"payload of {job.target}")
        if job.folder is not None and job.folder not in self._marked:
            (Path(job.folder) / MARK).write_text(self._mark, encoding="ascii")
            self._marked.add(job.folder)
        actor: Any = next((actor for actor, held in self._idle if held == wanted), None)
        used = actor is not None
        if used:
            self._idle.remove((actor, wanted))
        else:
            actor = self._actor(wanted)
        stream = actor.run.remote(job.target, payload, job.folder, self._mark)
        self._running[stream] = Running(job, actor, wanted, used)

    def _release(self) -> None:
        """Give back what idle actors hold."""
        for actor, _ in self._idle:
            ray.kill(actor)
        self._idle.clear()

    def _actor(self, held: Share) -> Any:
        """Start an actor. It sets our variables by itself, because Ray has a program for `runtime_env`, to wait for."""
        ours = {name: value for name, value in os.environ.items() if name.startswith("RFTCORE_")}
        own: Any = self.config.runtime_env.get("env_vars", {})
        variables = {name: value for name, value in {**ONE_THREAD, **ours}.items() if name not in own}
        here = self.config.address is None
        return (
            ray.remote(Worker)
            .options(num_cpus=held.cpus, num_gpus=held.gpus, runtime_env=self.config.runtime_env or None)
            .remote(variables, list(map(str, sys.path)) if here else None, str(Path.cwd()) if here else None)
        )

    def _hear(self, stream: Any, on_progress: Callable[[Progress], None]) -> Outcome | None:
        """Take the next messages of a job; return its outcome when it is among them."""
        running = self._running[stream] = self._running.pop(stream)  # each is heard in its turn
        job = running.job
        try:
            messages = ray.get(next(stream))
        except (RayError, StopIteration) as error:
            del self._running[stream]
            ray.kill(running.actor)  # it may have lost its machine only
            if running.used and not running.begun:  # it died between two jobs
                self._waiting.insert(0, job)
                return None
            return Outcome(job.id, error=RunError(_obituary(job, error)), lost=True)
        running.hear(messages)
        for message in messages:
            if "process" in message:
                continue
            if "progress" in message:
                on_progress(Progress(job.id, *message["progress"]))
                continue
            del self._running[stream]
            self._idle.append((running.actor, running.share))
            if "error" in message:
                return Outcome(job.id, error=revive(message["error"]))
            return Outcome(job.id, value=message["value"])
        return None


def _await_end(stream: Any, running: Running) -> None:
    """Wait until the actor behind a stream is gone: Ray says so before its process has ended."""
    end = time.monotonic() + GONE
    with suppress(RayError, StopIteration):
        while ray.wait([stream], timeout=max(0.0, end - time.monotonic()))[0]:
            running.hear(ray.get(next(stream)))
    if running.process is not None:
        with suppress(psutil.Error):
            running.process.wait(max(0.0, end - time.monotonic()))


def _process(node: str, pid: int, began: float) -> psutil.Process | None:
    """Return a process of this machine; None for one of another machine, and for one that has ended."""
    try:
        process = psutil.Process(pid)
        return process if node == platform.node() and abs(process.create_time() - began) < 1 else None
    except psutil.Error:
        return None


def _obituary(job: Job, error: Exception) -> str:
    reason = "\n".join(f"  | {line}" for line in str(error).strip().splitlines()[-20:])
    return (
        f"{job.label}: its Ray worker died ({type(error).__name__}). Other jobs go on; resume the run to try this one "
        f"again. Ray's logs have what it printed.\nRay says:\n{reason}"
    )
