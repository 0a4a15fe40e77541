"""The floor of a table: what acting without any knowledge reaches.

It draws from the available actions, or from the environment's grammar where none are listed, and from the episode's
own random stream only, so that the order in which episodes run changes nothing.
"""

from __future__ import annotations

import random
from typing import ClassVar

from rftcore.environment import Episode
from rftcore.policy import Policy
from rftcore.schemas.task import Task


class Random(Policy):
    """Draws every action at random; never gives up."""

    name: ClassVar[str] = "random"

    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        """Return one action drawn with `rng`. Raises EpisodeError when the environment has nothing to draw from."""
        return episode.random_action(rng)
