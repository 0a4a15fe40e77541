"""Runs coroutines from code that is none itself: to their end, or beside it in a thread of their own.

`run` works also where an event loop runs already, as in a notebook. A `LoopThread` is for what goes on while its
caller does something else, and for connections that outlive a single `run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from threading import Event, Thread
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Return what `coroutine` returns, or raise what it raises.

    Where this thread has a running event loop, another thread runs it, and this one waits. What interrupts the waiting,
    such as Ctrl-C, cancels the coroutine and waits for its end.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Result]]] = Future()
    ended: Future[Result] = Future()
    awaited = Event()

    async def main() -> Result:
        task = asyncio.create_task(coroutine)
        started.set_result((asyncio.get_running_loop(), task))
        return await task

    def work() -> None:
        awaited.wait()  # an interruption of `thread.start()` would meet a coroutine that nobody cancels
        try:
            ended.set_result(asyncio.run(main()))
        except BaseException as error:
            ended.set_exception(error)
            if not started.done():
                started.set_exception(error)

    thread = Thread(target=work, name="rftcore", daemon=True)
    thread.start()
    try:
        awaited.set()
        return ended.result()
    except BaseException:
        awaited.set()  # where the interruption came before that
        loop, task = started.result()
        with suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        thread.join()


class LoopThread:
    """An event loop in a thread of its own. Runs coroutines for callers of any other thread, until it is closed."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Return what `work` will return; it runs beside all that was begun before."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Return what `work` returns; blocks the calling thread."""
        return self.begin(work).result()

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Await `work` from another loop; cancelling the one cancels the other."""
        return await asyncio.wrap_future(self.begin(work))

    def post(self, function: Callable[..., object], *arguments: object) -> None:
        """Call `function` in the thread, some time soon."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """Cancel what still runs and end the thread. Safe to call twice."""
        if not self._thread.is_alive():
            return
        self.wait(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
