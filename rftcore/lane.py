"""A thread that works in order: an episode that may be given up lives in one thread, as it would live in the caller's.

It is a daemon, so that a step that never returns cannot keep the process from ending.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from rftcore.errors import EpisodeError

T = TypeVar("T")


class Lane:
    """Does one thing after the other."""

    def __init__(self, name: str) -> None:
        self._queue: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Return the future of `work`, which is done after all that was submitted before.

        What `work` raises that is no Exception, such as SystemExit, is an EpisodeError there.
        """
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
                except Exception as error:
                    future.set_exception(error)
                except BaseException as error:  # such as SystemExit, which would end whoever waits for it
                    failure = EpisodeError(f"{type(error).__name__}: {error}")
                    failure.__cause__ = error
                    future.set_exception(failure)
                    del failure
            del item, future, work  # an idle thread holds nothing
