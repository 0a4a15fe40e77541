"""AgentGym's clients ask for a task by a number. Here it is a place in the task lists, one list after the other.

An environment with numbers of its own, such as those of AgentGym's published data, has a method `task(number)`.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Literal

from rftcore.environment import Environment
from rftcore.errors import ConfigError
from rftcore.schemas.task import SPLITS, Task

Numbers = Literal["lists", "own"]


class Items:
    """The tasks of one environment by number."""

    def __init__(self, environment: Environment, numbers: Numbers = "lists") -> None:
        """Raises ConfigError when the environment's own numbers are asked for, and it has none."""
        self._own: Any = getattr(environment, "task", None) if numbers == "own" else None
        self._tasks: list[Task] = []
        self._ranges: list[str] = []
        if numbers == "own":
            if self._own is None:
                raise ConfigError(f"numbers: found 'own', but {environment.name} has none; expected 'lists'")
            return
        for split, difficulty in product(SPLITS, environment.difficulties):
            tasks = environment.tasks(split, difficulty)
            if tasks:
                begin = len(self._tasks)
                self._ranges.append(f"{begin} to {begin + len(tasks) - 1} {split} {difficulty}")
            self._tasks += tasks

    def __len__(self) -> int:
        """Return how many there are in the lists; 0 with the environment's own numbers."""
        return len(self._tasks)

    def __getitem__(self, number: int) -> Task:
        """Return a task. Raises ConfigError when there is none of this number."""
        if self._own is not None:
            task: Task = self._own(number)
            return task
        if not 0 <= number < len(self._tasks):
            raise ConfigError(f"found item {number}, expected 0 to {len(self._tasks) - 1}")
        return self._tasks[number]

    def described(self) -> str:
        """Return in one line which numbers mean what."""
        return f"items: {', '.join(self._ranges) if self._ranges else 'as the environment numbers them'}"
