"""An event loop in a thread of its own: rollouts of the library are coroutines, and rftcore's steps are calls.

All episodes of an environment share one, as they do in the library, whose environments expect to be in one loop. It is
begun with the first episode, and ends with the environment.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import weakref
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Loop:
    """Runs coroutines for callers of any thread, also where an event loop of theirs is running."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def run(self, coroutine: Coroutine[Any, Any, Result], seconds: float | None = None) -> Result:
        """Return what `coroutine` returns. Raises TimeoutError after `seconds`, and then has it cancelled."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._running())
        try:
            return future.result(seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="verifiers", daemon=True).start()
                weakref.finalize(self, _stop, self._loop)
            return self._loop


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
