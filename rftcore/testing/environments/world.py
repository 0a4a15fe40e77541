"""An environment under test: built once, with a few tasks of each list and the walks that several checks look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from pydantic import JsonValue

from rftcore.environment import Environment, Episode
from rftcore.errors import SplitError
from rftcore.manifests import listed, task_lists
from rftcore.schemas.task import SPLITS, Task
from rftcore.testing import limit
from rftcore.testing.check import NotApplicable
from rftcore.testing.child import LIMIT, ask
from rftcore.testing.environments.walk import Player, Walk, drawing, expert, idle, play
from rftcore.testing.environments.watched import Watched
from rftcore.testing.subject import SUBJECTS, Subject, rebuilt

PLAYERS: dict[str, Callable[[Task], Player]] = {"expert": expert, "random": drawing, "idle": idle}


class World(Subject):
    """An environment with what checks ask of it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._walks: dict[tuple[str, str], Walk] = {}

    def build(self) -> None:
        """Build the environment, and ask for its lists. Raises SplitError when there are none, or one is empty."""
        if not self.environment.difficulties:
            raise SplitError(f"{self.spec.name} lists no difficulties")
        for difficulty in self.environment.difficulties:
            for split in SPLITS:
                listed(self.spec.name, self.environment, split, difficulty)

    @cached_property
    def own(self) -> Environment:
        """The environment as it is built."""
        made: Environment = limit.within(LIMIT, lambda: "building it", self.make)
        return made

    @cached_property
    def environment(self) -> Watched:
        """The environment, with a limit on its calls."""
        return Watched(self.own)

    @cached_property
    def tasks(self) -> list[Task]:
        """A few tasks of each list, evenly spread: two, or six when there is time."""
        return self.some(6 if self.thorough else 2)

    def some(self, count: int) -> list[Task]:
        """Return `count` tasks of each list, evenly spread; lists take turns."""
        lists = [
            self.environment.tasks(split, difficulty)
            for difficulty in self.environment.difficulties
            for split in SPLITS
        ]
        return [tasks[len(tasks) * place // count] for place in range(count) for tasks in lists if place < len(tasks)]

    def walk(self, task: Task, player: str) -> Walk:
        """Return the walk of the expert, of random actions or of doing nothing; each is played once."""
        key = (task.id, player)
        if key not in self._walks:
            if player == "expert":
                self.require_expert()
            limit = self.environment.max_turns
            self._walks[key] = play(self.environment, task, PLAYERS[player](task), limit)
        return self._walks[key]

    def walks(self) -> list[Walk]:
        """Return a walk of each kind that the environment can play for each of `tasks`."""
        players = [player for player in PLAYERS if player != "expert" or self.has_expert]
        return [self.walk(task, player) for task in self.tasks for player in players]

    @cached_property
    def has_expert(self) -> bool:
        """Whether its episodes have an expert of their own."""
        episode = self.environment.start(self.tasks[0])
        episode.close()
        return type(episode.own).expert_action is not Episode.expert_action

    def require_expert(self) -> None:
        """Raise NotApplicable without an expert."""
        if not self.has_expert:
            raise NotApplicable("it has no expert: its episodes do not override expert_action")

    @cached_property
    def elsewhere(self) -> dict[str, dict[str, str]]:
        """What another process sees: hashes of the task lists, and first observations by task."""
        found: dict[str, dict[str, str]] = ask("rftcore.testing.environments.world:seen", world=self.described())
        return found


SUBJECTS["environment"] = World


def seen(world: Mapping[str, JsonValue]) -> dict[str, dict[str, str]]:
    """Return what `elsewhere` holds, asked in another process."""
    there = rebuilt(world)
    assert isinstance(there, World)
    first = {}
    for task in there.tasks:
        episode = there.environment.start(task)
        first[task.id] = episode.observation
        episode.close()
    return {"lists": task_lists({there.spec.name: there.environment}), "first": first}
