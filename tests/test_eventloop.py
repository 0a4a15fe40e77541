"""Coroutines are run from plain code, also inside a notebook's own event loop, and beside it in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rftcore import eventloop


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


async def failing() -> None:
    raise OSError("no room")


def in_notebook(work: Callable[[], Any]) -> Any:
    """Call plain code as a cell of a notebook does: inside a running event loop."""

    async def cell() -> Any:
        return work()

    return asyncio.run(cell())


def as_script(work: Callable[[], Any]) -> Any:
    return work()


@pytest.mark.parametrize("place", [as_script, in_notebook])
def test_what_a_coroutine_returns_or_raises_comes_back(place: Callable[..., Any]) -> None:
    assert place(lambda: eventloop.run(answer())) == 42
    with pytest.raises(OSError, match="no room"):
        place(lambda: eventloop.run(failing()))
    assert [thread.name for thread in threading.enumerate() if thread.name == "rftcore"] == []


def test_an_interruption_cancels_the_coroutine_and_waits_for_its_end() -> None:
    ended: list[str] = []

    async def long() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)  # of the process, so it reaches the main thread
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            ended.append("closed")

    async def cell() -> None:
        with interrupting():
            eventloop.run(long())

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(cell())
    assert ended == ["closed"]


@contextlib.contextmanager
def interrupting() -> Iterator[None]:
    """Have Ctrl-C raise where the main thread is, as a notebook has it and `asyncio.run` has not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def test_where_a_loop_runs_the_coroutine_runs_in_another_thread() -> None:
    async def own() -> bool:
        return threading.current_thread() is not threading.main_thread()

    assert in_notebook(lambda: eventloop.run(own()))
    assert not eventloop.run(own())


def test_a_thread_runs_what_is_begun_side_by_side_for_plain_code_and_for_other_loops() -> None:
    thread = eventloop.LoopThread("beside")
    met = asyncio.Event()

    async def first() -> str:
        await met.wait()
        return threading.current_thread().name

    async def second() -> int:
        met.set()
        return await answer()

    begun = thread.begin(first())
    assert not begun.done()
    assert thread.wait(second()) == 42
    assert begun.result(60) == "beside"
    assert asyncio.run(thread.run(answer())) == 42
    with pytest.raises(OSError, match="no room"):
        thread.wait(failing())
    thread.close()


def test_a_thread_that_is_closed_cancels_what_still_runs_and_waits_for_its_end() -> None:
    thread = eventloop.LoopThread("beside")
    ended: list[str] = []
    began = threading.Event()

    async def long() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            ended.append("closed")

    begun = thread.begin(long())
    assert began.wait(60)
    thread.close()
    thread.close()
    assert ended == ["closed"]
    assert begun.cancelled()
    assert "beside" not in [one.name for one in threading.enumerate()]
