"""The expert: the simulator's own gold path, and the way back to it.

After a deviation the expert looks for a place where the gold path can be taken up again: it walks to the room of that
place and plays the rest, in a world of its own, and believes only what ends with the whole score. Where nothing does,
it gives up: what was eaten, burnt or mixed cannot be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from rftcore_sciworld import pool
from rftcore_sciworld.house import walk
from rftcore_sciworld.rules import act
from rftcore_sciworld.tasks import surveyed

STEPS_BACK = 3
"""Places before the one where the agent left the gold path that are tried, too; and so is its beginning."""

TRAILING = 2
"""Actions that a gold path may have behind the one that ends the task."""
MOVES = ("open door to ", "go to ")
"""How the actions begin that only lead to another room."""


class Expert:
    """Knows what to do next, given all that was done."""

    def __init__(self, kind: str, variation: int, *, mended: bool) -> None:
        self._kind, self._variation, self._mended = kind, variation, mended
        self._plan: tuple[str, ...] | None = None
        self._joined = 0
        """The place of the gold path at which the plan joins it."""
        self._seen = 0

    def next(self, taken: Sequence[str]) -> str | None:
        """Return the next action after `taken`, the actions since the beginning; None when none leads to the goal."""
        if self._plan is None:
            self._plan = gold(self._kind, self._variation)
        lost = False
        for action in taken[self._seen :]:
            lost = lost or self._plan[:1] != (action,)
            if not lost:
                self._plan = self._plan[1:]
        self._seen = len(taken)
        if lost:
            self._plan = self._way_back(taken)
        return self._plan[0] if self._plan else None

    def _way_back(self, taken: Sequence[str]) -> tuple[str, ...]:
        path = gold(self._kind, self._variation)
        left = max(self._joined, len(path) - len(self._plan or ()))
        places = [*range(left, max(left - STEPS_BACK, 0) - 1, -1), 0]
        for place in dict.fromkeys(places):
            if plan := self._try(taken, place, path[place:]):
                self._joined = place
                return plan
        self._joined = left
        return ()

    def _try(self, taken: Sequence[str], place: int, rest: tuple[str, ...]) -> tuple[str, ...]:
        """Return actions that succeed after `taken`: a walk to the room of `place`, then `rest`; else nothing."""
        with pool.borrowed() as world:
            world.load(self._kind, self._variation)
            for action in taken:
                act(world, action, mended=self._mended)
            # Before a number the simulator wants to hear nothing else: a look ends its question.
            plan = ("look around",) if world.asked else ()
            plan = (*plan, *walk(world.room(), _rooms(self._kind, self._variation)[place]), *rest)
            for number, action in enumerate(plan, start=1):
                outcome = act(world, action, mended=self._mended)
                if outcome.over:
                    return plan[:number] if outcome.score == 100 else ()
        return ()


@lru_cache(maxsize=4096)
def gold(kind: str, variation: int) -> tuple[str, ...]:
    """Return a solution of a task from its beginning: the simulator's, in some cases without its detours.

    The simulator looks for its way from room to room by chance, and the chance depends on what its process did before.
    Where that makes the path longer than it was in the survey, the way is the shortest one, if it solves the task.
    """
    with pool.borrowed() as world:
        path = world.gold(kind, variation)
    turns = surveyed().get((kind, variation))
    if turns is None or len(path) <= turns + TRAILING:
        return path
    return _direct(kind, variation, path) or path


def _direct(kind: str, variation: int, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return `path` with the shortest ways between its rooms, up to the action that ends the task; else nothing."""
    rooms = _walked(kind, variation, path)
    here, plan = rooms[0], list[str]()
    for place, action in enumerate(path):
        if not action.startswith(MOVES):
            plan += (*walk(here, rooms[place]), action)
            here = rooms[place + 1]
    with pool.borrowed() as world:
        world.load(kind, variation)
        for number, action in enumerate(plan, start=1):
            outcome = world.step(action)
            if outcome.over:
                return tuple(plan[:number]) if outcome.score == 100 else ()
    return ()


@lru_cache(maxsize=256)
def _rooms(kind: str, variation: int) -> tuple[str, ...]:
    """Return for each action of the gold path the room that it is taken in, and last the room at the end."""
    return _walked(kind, variation, gold(kind, variation))


def _walked(kind: str, variation: int, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return for each action of `path` the room that it is taken in, and last the room at the end."""
    with pool.borrowed() as world:
        world.load(kind, variation)
        rooms = [world.room()]
        for action in path:
            world.step(action)
            rooms.append(world.room())
    return tuple(rooms)
