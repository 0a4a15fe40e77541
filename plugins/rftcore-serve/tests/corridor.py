"""A plugin in a file, which only servers load: a corridor to walk along, and words that make trouble."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from rftcore.environment import Environment, Episode, Step
from rftcore.errors import ConfigError, EpisodeError
from rftcore.hookspecs import hookimpl
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [EnvironmentSpec(name="corridor", target=f"{__name__}:Corridor", summary="walk to the end", version="3")]


class Corridor(Environment):
    class Config(Frozen):
        length: int = Field(default=4, ge=1)
        max_turns: int = Field(default=8, ge=1)

    name: ClassVar[str] = "corridor"
    difficulties: ClassVar[tuple[str, ...]] = ("short", "long", "longest")
    returns = "max"
    reward_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    instructions = "Walk: left or right."

    def __init__(self, config: Frozen | None = None, **options: int) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")
        number = self.difficulties.index(difficulty)
        return [
            Task(
                environment="corridor",
                id=f"corridor/{difficulty}/{split}/{key}",
                split=split,
                difficulty=difficulty,
                seed=key,
                data={"end": self.config.length + number, "split": split, "weight": 0.1 + key},
                answer="right",
            )
            for key in range(5)
        ]

    def start(self, task: Task) -> Episode:
        return Walk(int(str(task.data["end"])))


class Walk(Episode):
    def __init__(self, end: int) -> None:
        self._end, self._at = end, 0
        self.observation = f"You are at 0 of {end}."

    def step(self, action: str) -> Step:
        if action.startswith("sleep "):
            time.sleep(float(action.split()[1]))
        if action == "break":
            raise ValueError("the floor gave way")
        if action == "quit":
            sys.exit(0)
        if action == "lose":
            raise EpisodeError("the corridor is gone")
        if action == "wait":
            raise TimeoutError("nobody came")
        self._at += {"right": 1, "left": -1}.get(action, 0)
        self.observation = f"You are at {self._at} of {self._end}. 走る"
        done = self._at >= self._end
        reward = float("nan") if action == "nan" else 1 / 3 if done else 0.0
        return Step(self.observation, reward, done, success=done, valid=action in ("right", "left"))

    def random_action(self, rng: random.Random) -> str:
        return "right" if rng.gauss(0.3, 1) > 0 else "left"
