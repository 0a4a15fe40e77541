"""A thread that works in order: an episode that may be given up lives in one thread, as it would live in the caller's.

It is a daemon, so that a step that never returns cannot keep the process from ending.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Lane:
    """Does one thing after the other."""

    def __init__(self, name: str) -> None:
        self._queue: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Return the future of `work`, which is done after all that was submitted before."""
        future: Future[T] = Future()
        self._queue.put((future, work))
        return future

    def end(self) -> None:
        """Let the thread end after all that was submitted."""
        self._queue.put(None)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            future, work = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)
            del item, future, work  # an idle thread holds nothing
