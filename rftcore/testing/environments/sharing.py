"""What lets a rollout use one environment for many episodes at once, and an executor send it to another process."""

from __future__ import annotations

import base64
import pickle
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from rftcore import plugins
from rftcore.deadline import Timed
from rftcore.schemas.task import Task
from rftcore.testing import limit
from rftcore.testing.check import Problems, check
from rftcore.testing.child import Failed, ask
from rftcore.testing.environments.walk import Walk, again, difference, play, repeating
from rftcore.testing.environments.watched import Watched
from rftcore.testing.environments.world import World
from rftcore.testing.limit import Hung
from rftcore.testing.origin import THEIRS

T = TypeVar("T")

TOGETHER = 8
"""Episodes that are played at once."""


class GivenUp(TimeoutError):
    """A call did not return in time; every other TimeoutError is the environment's own."""


class Beside(Timed):
    """An environment with a deadline that is told from whatever the environment itself raises."""

    def wait(self, call: Future[T]) -> T:
        """Return what `call` returns, and raise what it raises. Raises GivenUp after the deadline."""
        try:
            return super().wait(call)
        except TimeoutError as error:
            if call.done() and call.exception() is error:
                raise
            raise GivenUp(str(error)) from error


@check("light")
def threads_play_alike(world: World) -> Problems:
    """Eight episodes in eight threads go as they go one after the other."""
    walks = [world.walk(task, "random") for task in world.tasks[:TOGETHER]]
    walks = (walks * TOGETHER)[:TOGETHER]
    environment = Beside(world.own, limit.LIMIT)

    def beside(walk: Walk) -> Walk:
        try:
            return again(environment, walk)
        except GivenUp as error:
            told = f"task {walk.task.id!r} did not go on within {limit.LIMIT:g} s beside seven other episodes"
            raise Hung(told) from error

    with ThreadPoolExecutor(TOGETHER) as threads:
        found = list(threads.map(beside, walks))
    for expected, walk in zip(walks, found, strict=True):
        apart = difference(expected, walk)
        if apart is not None:
            yield (
                f"{apart} beside seven other episodes, expected the same as alone; keep what changes in the episode, "
                "and lock what cannot be"
            )


@check("light")
def copies_play_alike(world: World) -> Problems:
    """A copy through pickle plays the same episodes in another process."""
    walks = [world.walk(task, "random") for task in world.tasks[:4]]
    try:
        copied = base64.b64encode(pickle.dumps(world.own)).decode()
    except THEIRS as error:
        yield (
            f"the environment cannot be pickled ({type(error).__name__}: {error}), expected a value that can be "
            "sent to another process; leave out of __getstate__ what belongs to this one"
        )
        return
    try:
        played = ask(
            "rftcore.testing.environments.sharing:replayed",
            copied=copied,
            walks=[[walk.task.model_dump(mode="json"), list(walk.actions)] for walk in walks],
        )
    except Failed as error:
        yield f"the copy cannot be played in another process ({error}), expected the same steps as here"
        return
    for walk, (first, steps) in zip(walks, played, strict=True):
        ours = [walk.first, [_plain(walk)[number] for number in range(len(walk.steps))]]
        if ours != [first, steps]:
            at = next((n for n, pair in enumerate(zip(ours[1], steps, strict=False)) if pair[0] != pair[1]), 0)
            yield (
                f"task {walk.task.id!r} went another way in the copy, from turn {at} on, expected the same steps; let "
                "the copy have all that an episode depends on"
            )


def replayed(copied: str, walks: list[list[Any]]) -> list[list[Any]]:
    """Return first observation and steps of each walk, played with a copy that another process made."""
    plugins.installed()  # the module of a plugin in a file is found by this alone
    environment = Watched(pickle.loads(base64.b64decode(copied)))
    found = []
    for task, actions in walks:
        walk = play(environment, Task.model_validate(task), repeating(actions), len(actions))
        found.append([walk.first, _plain(walk)])
    return found


def _plain(walk: Walk) -> list[Any]:
    """Return the steps as JSON has them."""
    return [
        [step.observation, step.reward, step.terminated, step.truncated, step.success, step.valid]
        for step in walk.steps
    ]


SHARING_CHECKS = (threads_play_alike, copies_play_alike)
