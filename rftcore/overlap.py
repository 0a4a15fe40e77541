"""Where rollouts are played while the learner learns: in a process of their own, or against servers outside.

`Foreground` plays at once, and nothing overlaps. `InProcess` is for a sampler that lives where its model does, such as
`hf`: another process plays whole draws with the same code and the weights of a checkpoint folder, so what it plays
follows from seed and weights alone. `InThread` is for a sampler that is `apart`: episodes go on in a thread while this
process learns and brings new weights to the servers, so which weights sample a token is a matter of the clock.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import TypeAdapter

from rftcore import eventloop
from rftcore.attempts import ATTEMPTS
from rftcore.drawing import Draw
from rftcore.errors import RunError
from rftcore.executor import Job
from rftcore.executors.child import Child
from rftcore.schemas.trajectory import Group


class Foreground:
    """Plays a draw when it is begun."""

    def __init__(self, play: Callable[[Draw], list[Group]]) -> None:
        self._play = play

    def begin(self, draw: Draw) -> Future[list[Group]]:
        """Return the groups of a draw, or what they will be."""
        played = Future[list[Group]]()
        played.set_result(self._play(draw))
        return played

    def run(self, coroutine: Coroutine[Any, Any, list[Group]]) -> list[Group]:
        """Return what a rollout returns that is not begun ahead, such as that of a validation."""
        return eventloop.run(coroutine)

    def close(self) -> None:
        """Stop everything that still plays. Safe to call twice."""


class InThread(Foreground):
    """Plays each draw beside all others, in one event loop in a thread of its own."""

    def __init__(self, collect: Callable[[Draw], Coroutine[Any, Any, list[Group]]]) -> None:
        """`collect` plays a draw."""
        self._collect, self._loop = collect, eventloop.LoopThread("rftcore-rollouts")

    def begin(self, draw: Draw) -> Future[list[Group]]:
        return self._loop.begin(self._collect(draw))

    def run(self, coroutine: Coroutine[Any, Any, list[Group]]) -> list[Group]:
        # In the same thread, because environments are played in one thread at a time.
        return self._loop.wait(coroutine)

    def close(self) -> None:
        self._loop.close()


class InProcess(Foreground):
    """Plays one draw after the other in another process, each with the weights from when it was begun."""

    def __init__(
        self,
        target: str,
        payload: dict[str, Any],
        *,
        play: Callable[[Draw], list[Group]],
        version: Callable[[], int],
        save: Callable[[Path], None],
        place: Path,
    ) -> None:
        """`target` is a job that plays a draw: it gets `payload`, the draw, and the folder of its `weights`.

        `version` tells that of the newest weights, `save` writes them to a folder; `place` is for those folders.
        """
        super().__init__(play)
        self._target, self._payload, self._version, self._save, self._place = target, payload, version, save, place
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rftcore-rollouts")
        self._lock, self._closed = Lock(), False
        self._child: Child | None = None
        self._using: list[tuple[Future[list[Group]], Path]] = []
        shutil.rmtree(place, ignore_errors=True)

    def begin(self, draw: Draw) -> Future[list[Group]]:
        folder = self._place / f"weights-{self._version()}"
        if not folder.exists():
            self._save(folder)
        payload = {**self._payload, "weights": str(folder), **draw.payload()}
        played = self._pool.submit(self._ask, json.dumps({"target": self._target, "payload": payload}))
        self._using = [(other, used) for other, used in self._using if not other.done()] + [(played, folder)]
        for old in set(self._place.iterdir()) - {used for _, used in self._using}:
            shutil.rmtree(old)
        return played

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()
        self._pool.shutdown(cancel_futures=True)
        if self._child is not None:
            self._child.close()
        shutil.rmtree(self._place, ignore_errors=True)

    def _ask(self, request: str) -> list[Group]:
        """Return what the process plays; one that dies is replaced, because the next plays the same."""
        job = Job("rollouts", self._target, {}, "rollouts beside the learner")
        for _ in range(ATTEMPTS):
            child = self._alive()
            outcome = child.run(job, request, lambda progress: None)
            if not outcome.lost:
                break
        if outcome.error is not None:
            raise outcome.error
        return TypeAdapter(list[Group]).validate_python(outcome.value)

    def _alive(self) -> Child:
        """Return the process, or a new one in place of one that died."""
        with self._lock:
            if self._closed:
                raise RunError("the rollouts beside the learner were stopped")
            if self._child is None or not self._child.alive:
                if self._child is not None:
                    self._child.close()
                self._child = Child({})
            return self._child
