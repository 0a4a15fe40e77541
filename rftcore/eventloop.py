"""Runs coroutines from code that is none itself, also where an event loop runs already, as in a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
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
        loop, task = started.result()
        with suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        thread.join()
