"""An environment whose calls have a limit: one that hangs is told with its task, its turn and its action."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rftcore.environment import Episode, Step
from rftcore.schemas.task import Split, Task
from rftcore.testing import limit
from rftcore.testing.environments.walk import shown
from rftcore.testing.limit import Hung
from rftcore.wrapped import Wrapped

T = TypeVar("T")


class Watched(Wrapped):
    """Everything is that of the environment, but that a call which takes longer than `limit.LIMIT` raises Hung."""

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the environment's own."""
        return limit.within(
            limit.LIMIT, lambda: f"tasks({split!r}, {difficulty!r})", lambda: self._environment.tasks(split, difficulty)
        )

    def start(self, task: Task) -> WatchedEpisode:
        """Begin `task`."""
        where = f"task {task.id!r}"
        began = limit.within(limit.LIMIT, lambda: f"{where}: start()", lambda: self._environment.start(task))
        return WatchedEpisode(where, began)

    def oracle(self, task: Task) -> Iterator[str]:
        """Yield the environment's own."""
        where = f"task {task.id!r}: oracle()"
        actions = limit.within(limit.LIMIT, lambda: where, lambda: self._environment.oracle(task))
        while (action := limit.within(limit.LIMIT, lambda: where, lambda: next(actions, None))) is not None:
            yield action

    def vocabulary(self) -> Sequence[str]:
        """Return the environment's own."""
        return limit.within(limit.LIMIT, lambda: "vocabulary()", self._environment.vocabulary)

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return the environment's own."""
        return limit.within(limit.LIMIT, lambda: "facts()", self._environment.facts)


class WatchedEpisode(Episode):
    """An episode whose calls have a limit. `own` is the environment's."""

    def __init__(self, where: str, own: Episode) -> None:
        self.own = own
        self._where, self._turn, self._hung = where, 0, False

    @property
    def observation(self) -> str:
        return self.own.observation

    @observation.setter
    def observation(self, text: str) -> None:
        self.own.observation = text

    def step(self, action: str) -> Step:
        step = self._within(lambda: f"step({shown(action)})", lambda: self.own.step(action))
        self._turn += 1
        return step

    def available_actions(self) -> tuple[str, ...] | None:
        return self._within(lambda: "available_actions()", self.own.available_actions)

    def random_action(self, rng: random.Random) -> str:
        return self._within(lambda: "random_action()", lambda: self.own.random_action(rng))

    def expert_action(self) -> str | None:
        return self._within(lambda: "expert_action()", self.own.expert_action)

    def close(self) -> None:
        """Close the episode; one that has hung stays as it is, because its `close` may hang as well."""
        if not self._hung:
            self._within(lambda: "close()", self.own.close)

    def _within(self, what: Callable[[], str], call: Callable[[], T]) -> T:
        try:
            return limit.within(limit.LIMIT, lambda: f"{self._where}, turn {self._turn}: {what()}", call)
        except Hung:
            self._hung = True
            raise
