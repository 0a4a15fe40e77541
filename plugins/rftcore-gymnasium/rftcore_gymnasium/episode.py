"""One episode of a Gymnasium environment, in text."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium

from rftcore.environment import ActionList, Episode, Step, with_actions
from rftcore.errors import EpisodeError
from rftcore_gymnasium.actions import Actions, NotUnderstood

QUOTED = 80
"""Characters of a misunderstood action that are repeated."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What all episodes of an environment have in common."""

    actions: Actions
    see: Callable[[gymnasium.Env[Any, Any], Any], str]
    """Returns an observation in text."""
    action_list: ActionList
    nonsense: float
    """Reward of what is no action."""
    succeeded: Callable[[float, Mapping[str, Any]], bool]
    """Whether an episode that terminated with this last reward and info is a success."""


class GymnasiumEpisode(Episode):
    """Steps an environment of its own. What the environment raises is an EpisodeError: nobody else knows its rules."""

    def __init__(self, environment: gymnasium.Env[Any, Any], seed: int, rules: Rules) -> None:
        self._environment, self._rules = environment, rules
        self._end: Step | None = None
        try:
            observation, self._info = environment.reset(seed=seed)
            self.start = rules.see(environment, observation)
        except Exception as error:
            self.close()
            raise EpisodeError(f"reset(seed={seed}) raised {type(error).__name__}: {error}") from error
        self._now = self.start
        self.observation = self._shown(self.start, first=True)

    def step(self, action: str) -> Step:
        """Read the action and take it; one that is not understood leaves the environment as it is."""
        if self._end is not None:
            return self._end
        try:
            value = self._rules.actions.read(action, self._info)
        except NotUnderstood as expected:
            self.observation = self._shown(f"{_quoted(action)} is no action; expected {expected}\n{self._now}")
            return Step(self.observation, self._rules.nonsense, terminated=False, valid=False)
        try:
            observation, reward, terminated, truncated, self._info = self._environment.step(value)
            self._now = self._rules.see(self._environment, observation)
        except Exception as error:
            raise EpisodeError(f"step({_quoted(action)}) raised {type(error).__name__}: {error}") from error
        ended = bool(terminated or truncated)
        self.observation = self._now if ended else self._shown(self._now)
        step = Step(
            self.observation,
            float(reward),
            terminated=bool(terminated),
            truncated=bool(truncated and not terminated),
            success=bool(terminated) and self._rules.succeeded(float(reward), self._info),
        )
        self._end = step if ended else None
        return step

    def available_actions(self) -> tuple[str, ...] | None:
        """Return the actions of a Discrete or small MultiDiscrete space, without those that `info` masks."""
        return self._rules.actions.listed(self._info)

    def random_action(self, rng: random.Random) -> str:
        """Draw from the actions that are possible now, or from the space."""
        listed = self.available_actions()
        return rng.choice(listed) if listed else self._rules.actions.draw(rng)

    def close(self) -> None:
        """Close the environment."""
        self._environment.close()

    def _shown(self, text: str, first: bool = False) -> str:
        mode, listed = self._rules.action_list, self.available_actions()
        wanted = mode == "every" or (mode == "first" and first)
        return with_actions(text, listed) if wanted and listed is not None else text


def _quoted(action: str) -> str:
    return repr(action if len(action) <= QUOTED else action[: QUOTED - 3] + "...")
