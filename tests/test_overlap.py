"""Draws that are played beside the learner, in a thread: together, one thread at a time, and ended with it."""

from __future__ import annotations

import asyncio
import threading

from rftcore.drawing import Draw
from rftcore.overlap import Foreground, InThread
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group

TASK = Task(
    environment="maze", id="maze/easy/train/0", split="train", difficulty="easy", seed=1, data={"a": [1]}, answer=2
)
FIRST, SECOND = Draw((TASK,), (2,), 1), Draw((TASK,), (2,), 2, turn_limit=3)


def test_a_draw_comes_back_from_its_payload() -> None:
    again = Draw.of(SECOND.payload())
    assert again == SECOND
    assert again.tasks[0].digest == TASK.digest


def test_in_the_foreground_a_draw_is_played_when_it_is_begun() -> None:
    played: list[Draw] = []

    def play(draw: Draw) -> list[Group]:
        played.append(draw)
        return []

    overlap = Foreground(play)
    begun = overlap.begin(FIRST)
    assert (played, begun.done(), begun.result()) == ([FIRST], True, [])


def test_draws_in_a_thread_go_on_beside_each_other_and_beside_the_caller() -> None:
    threads: set[int] = set()
    second_began, caller_went_on = asyncio.Event(), threading.Event()

    async def collect(draw: Draw) -> list[Group]:
        threads.add(threading.get_ident())
        if draw is FIRST:
            await second_began.wait()
        second_began.set()
        while not caller_went_on.is_set():
            await asyncio.sleep(0.001)
        return []

    overlap = InThread(collect)
    try:
        begun = [overlap.begin(FIRST), overlap.begin(SECOND)]
        assert not any(one.done() for one in begun)
        caller_went_on.set()
        assert [one.result(60) for one in begun] == [[], []]
        assert overlap.run(collect(SECOND)) == []
    finally:
        overlap.close()
        overlap.close()
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_closing_cancels_what_still_plays() -> None:
    async def forever(draw: Draw) -> list[Group]:
        await asyncio.Event().wait()
        return []

    overlap = InThread(forever)
    begun = overlap.begin(FIRST)
    overlap.close()
    assert begun.cancelled()
