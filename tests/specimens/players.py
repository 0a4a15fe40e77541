"""Policies that keep every promise but one; `tests/testing/test_kind_checks.py` says which."""

from __future__ import annotations

import random

from rftcore.environment import Episode
from rftcore.policy import Policy
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Task


class Chance(Policy):
    """Keeps every promise."""

    class Config(Frozen):
        patience: float = 1.0

    name = "chance"

    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        return rng.choice(("left", "right")) if turn < 5 else None


class Renamed(Chance):
    class Config(Frozen):
        waiting: float = 1.0


class Counting(Chance):
    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        return turn


class Global(Chance):
    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        return random.choice(("left", "right"))


class Alternating(Chance):
    """Goes the other way at each call, whoever calls."""

    calls = 0

    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        self.calls += 1
        return "left" if self.calls % 2 else "right"


class Trying(Chance):
    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        episode.step("left")
        return "right"
