"""An `environment_factory` for TRL's `GRPOTrainer`: the agent acts by calling a tool, and TRL does the rest.

TRL generates, parses tool calls, runs them and masks their results out of the loss. For models that call tools; one
that answers in text is played by `rollout_func`, which is also faster, as TRL encodes the whole history at every turn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rftcore.environment import Environment, Episode
from rftcore.errors import ConfigError, EpisodeError
from rftcore.rollout import episode_return
from rftcore_trl.dataset import Tasks

OVER = "The episode is over."
"""What a call is answered with after the end."""


def environment_factory(environment: Environment, *, turn_limit: int | None = None) -> Callable[[], ToolEpisode]:
    """Return what `GRPOTrainer(environment_factory=...)` takes, alone or in a dictionary by environment name.

    Train on `dataset` of the same environment; no `reward_funcs` are needed, as the environment's own return is the
    reward. `turn_limit` lowers the environment's limit of turns. Raises ConfigError for a limit below 1.
    """
    if turn_limit is not None and turn_limit < 1:
        raise ConfigError(f"turn_limit: found {turn_limit}, expected 1 or more, or None for the environment's own")
    limit = min(turn_limit or environment.max_turns, environment.max_turns)
    return partial(ToolEpisode, Tasks([environment]), environment, limit)


class ToolEpisode:
    """One episode at a time, reset by TRL; its public methods but `reset` and `get_reward` are the agent's tools."""

    def __init__(self, tasks: Tasks, environment: Environment, limit: int) -> None:
        self._tasks, self._environment, self._limit = tasks, environment, limit
        self._episode: Episode | None = None
        self._rewards: list[float] = []
        self._failed = False

    def reset(self, *, task: str, **_: Any) -> str:
        """Begin the task of a dataset row and return its first observation, which TRL puts behind the instructions."""
        if self._episode is not None:
            self._episode.close()
        self._rewards, self._failed = [], False
        self._episode = self._environment.start(self._tasks.find(self._environment.name, task))
        return self._episode.observation

    def act(self, action: str) -> str:
        """Take one action in the environment.

        Args:
            action: The action, in the words that the instructions allow.

        Returns:
            What the environment answers.
        """
        if self._episode is None:
            return OVER
        try:
            step = self._episode.step(action)
        except EpisodeError as failure:
            self._failed = True
            self._end()
            return f"{OVER} {failure}"
        self._rewards.append(step.reward)
        if step.terminated or step.truncated or len(self._rewards) == self._limit:
            self._end()
            return f"{step.observation}\n{OVER}"
        return step.observation

    def get_reward(self) -> float | None:
        """Return the episode's return, or None when the machine spoiled it: TRL then leaves it out."""
        return None if self._failed else episode_return(self._environment, self._rewards)

    def _end(self) -> None:
        if self._episode is not None:
            self._episode.close()
        self._episode = None
