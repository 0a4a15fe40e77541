"""Our environments as environments of Gymnasium, with text in both spaces."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Text

from rftcore.environment import Environment, Episode
from rftcore.errors import ConfigError
from rftcore.schemas.task import Split, Task

LONGEST = 1 << 20
"""Characters that the spaces declare; Gymnasium asks for a number."""

EXAMPLES = 64
"""Actions that a space knows to sample from."""


class AnyText(Text):
    """Every text there is; Gymnasium's own space wants an alphabet. Samples are drawn from `examples`."""

    def __init__(self, examples: Sequence[str]) -> None:
        super().__init__(LONGEST, min_length=0, charset=frozenset("".join(examples)))
        self.examples = tuple(examples)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Return one of the examples."""
        return self.examples[int(self.np_random.integers(len(self.examples)))]

    def contains(self, x: Any) -> bool:
        """Return whether `x` is text."""
        return isinstance(x, str)


class TextEnvironment(gymnasium.Env[str, str]):
    """One list of tasks of an environment. `reset` draws one, or begins that which `options={"task": id}` names."""

    def __init__(self, environment: Environment, split: Split, difficulty: str, render_mode: str | None = None) -> None:
        self.metadata = {"render_modes": ["ansi"], "render_fps": 1}
        self.environment = environment
        self.render_mode = render_mode
        self._tasks = list(environment.tasks(split, difficulty))
        self._by_id = {task.id: task for task in self._tasks}
        self._episode: Episode | None = None
        self._turns = 0
        self.action_space = AnyText(_drawn(environment, self._tasks))
        self.observation_space = AnyText([task.id for task in self._tasks[:1]])

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin a task. Raises ConfigError when `options["task"]` names none of the list."""
        super().reset(seed=seed)
        key = (options or {}).get("task")
        if key is not None and key not in self._by_id:
            raise ConfigError(
                f"task: found {key!r}, expected one of {len(self._tasks)} ids such as {self._tasks[0].id!r}"
            )
        number = int(self.np_random.integers(len(self._tasks)))
        task = self._tasks[number] if key is None else self._by_id[key]
        self._leave()
        self._episode, self._turns = self.environment.start(task), 0
        return self._episode.observation, {"task": task.id, **self._possible(self._episode)}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take one action, any text. The turn limit of the environment truncates; `info` has `success` and `valid`."""
        if self._episode is None:
            raise gymnasium.error.ResetNeeded("step() came before reset(), expected the opposite; call reset() first")
        step = self._episode.step(action)
        self._turns += 1
        truncated = step.truncated or (not step.terminated and self._turns >= self.environment.max_turns)
        info = {"success": step.success, "valid": step.valid, **self._possible(self._episode)}
        return step.observation, step.reward, step.terminated, truncated, info

    def render(self) -> str | None:
        """Return what the agent sees."""
        return None if self.render_mode is None or self._episode is None else self._episode.observation

    def close(self) -> None:
        """Close the episode."""
        self._leave()

    def _leave(self) -> None:
        if self._episode is not None:
            self._episode.close()
        self._episode = None

    def _possible(self, episode: Episode) -> dict[str, Any]:
        actions = episode.available_actions()
        return {} if actions is None else {"available_actions": actions}


def as_gymnasium(
    environment: Environment,
    split: Split = "train",
    difficulty: str | None = None,
    render_mode: str | None = None,
) -> TextEnvironment:
    """Return one list of tasks of `environment` for Gymnasium; `difficulty` None: the easiest.

    Actions and observations are any text. Raises ConfigError when the difficulty is unknown.
    """
    return TextEnvironment(environment, split, difficulty or environment.difficulties[0], render_mode)


def _drawn(environment: Environment, tasks: Sequence[Task]) -> list[str]:
    """Return actions that are possible where tasks begin, the same each time."""
    rng, actions = random.Random(0), dict[str, None]()
    for place in np.linspace(0, len(tasks) - 1, num=8).astype(int).tolist():
        episode = environment.start(tasks[place])
        actions |= dict.fromkeys(episode.random_action(rng) for _ in range(EXAMPLES // 8))
        episode.close()
    return list(actions)
