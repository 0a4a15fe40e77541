"""The ceiling of a table: what an expert with full knowledge of the task reaches.

It asks the live episode for its expert action and gives up when there is none. It refuses to plan by itself: what the
best action is belongs to the environment.
"""

from __future__ import annotations

import random
from typing import ClassVar

from rftcore.environment import Episode
from rftcore.policy import Policy
from rftcore.schemas.task import Task


class Oracle(Policy):
    """Plays the environment's expert; gives up where the expert does."""

    name: ClassVar[str] = "oracle"

    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        """Return the expert's action in the present state, or None when the environment knows none."""
        return episode.expert_action()
