"""Tasks as the rows of a dataset, and the way back from a row to its task.

A row names its task twice: as a column, which TRL hands to an environment's `reset`, and inside the prompt's message,
because messages are all that a `rollout_func` sees of a row. Chat templates print only what they know of a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from datasets import Dataset

from rftcore.environment import Environment
from rftcore.errors import ConfigError
from rftcore.schemas.task import SPLITS, Split, Task


def dataset(
    environment: Environment, split: Split = "train", difficulty: str | None = None, *, limit: int | None = None
) -> Dataset:
    """Return the tasks of one split as rows, in order: of one `difficulty`, or of all from easiest to hardest.

    `limit` keeps the first ones of each difficulty. The columns are `prompt` (one user message with the environment's
    instructions, which `environment_factory` completes with the first observation), `environment`, `task` and
    `difficulty`; datasets of several environments may be concatenated. Raises ConfigError for a split or a difficulty
    that the environment does not have, and when there is no task.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: found {split!r}, expected {' or '.join(SPLITS)}")
    if difficulty is not None and difficulty not in environment.difficulties:
        raise ConfigError(
            f"difficulty: found {difficulty!r}, expected one of {', '.join(environment.difficulties)}, which "
            f"{environment.name} has, or None for all of them"
        )
    chosen = environment.difficulties if difficulty is None else (difficulty,)
    rows = [_row(environment, task) for name in chosen for task in list(environment.tasks(split, name))[:limit]]
    if not rows:
        raise ConfigError(f"{environment.name} lists no task of split {split!r} in {', '.join(chosen)}")
    return Dataset.from_list(rows)


def _row(environment: Environment, task: Task) -> dict[str, Any]:
    content = f"{environment.instructions}\n\n" if environment.instructions else ""
    return {
        "prompt": [{"role": "user", "content": content, "environment": task.environment, "task": task.id}],
        "environment": task.environment,
        "task": task.id,
        "difficulty": task.difficulty,
    }


class Tasks:
    """Finds the task that a row or a prompt names."""

    def __init__(self, environments: Iterable[Environment]) -> None:
        """Raises ConfigError without an environment, and for two of one name."""
        self.environments: dict[str, Environment] = {}
        for environment in environments:
            if environment.name in self.environments:
                raise ConfigError(f"found two environments named {environment.name!r}, expected one of each name")
            self.environments[environment.name] = environment
        if not self.environments:
            raise ConfigError("found no environment, expected at least one, such as TextCraft()")
        self._listed: dict[str, dict[str, Task]] = {}

    def of_prompt(self, prompt: Any) -> Task:
        """Return the task of a prompt that `dataset` made. Raises ConfigError for any other prompt."""
        message = prompt[-1] if isinstance(prompt, list) and prompt else None
        if not isinstance(message, Mapping) or not message.get("task") or not message.get("environment"):
            raise ConfigError(
                f"found the prompt {prompt!r}, expected one that names its task: train on "
                "rftcore_trl.dataset(environment, split)"
            )
        return self.find(message["environment"], message["task"])

    def find(self, environment: str, identity: str) -> Task:
        """Return a task by its environment and id. Raises ConfigError when there is none."""
        if environment not in self.environments:
            raise ConfigError(
                f"the dataset names the environment {environment!r}, expected one of {', '.join(self.environments)}: "
                "hand rollout_func every environment that the dataset was made of"
            )
        if environment not in self._listed:
            world = self.environments[environment]
            listed = [task for split in SPLITS for name in world.difficulties for task in world.tasks(split, name)]
            self._listed[environment] = {task.id: task for task in listed}
        if identity not in self._listed[environment]:
            raise ConfigError(
                f"the dataset names the task {identity!r}, which this {environment} does not list: make the dataset "
                "and the trainer's environment with the same options"
            )
        return self._listed[environment][identity]
