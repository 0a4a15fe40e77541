"""The contract of a policy without tokens: it answers observations with text.

Oracle, random and replay are the floor and ceiling of every table; an API model is one too. A trained model is not a
`Policy`: it acts through a `Sampler`, which speaks token ids.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from rftcore.environment import Episode
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Task


class Policy(ABC):
    """Chooses an action from a live episode."""

    class Config(Frozen):
        """Options of the policy."""

    name: ClassVar[str]

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments."""
        self.config: Any = self.Config.model_validate(options) if config is None else config

    @abstractmethod
    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        """Return the text of turn number `turn` (from 0), or None to give up.

        `rng` is the episode's own random stream; a policy draws from nothing else.
        """
