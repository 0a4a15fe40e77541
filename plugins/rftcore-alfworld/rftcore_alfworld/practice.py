"""Games beyond the lists, as many as are asked for: to teach the skill without the tasks."""

from __future__ import annotations

import random
from typing import NamedTuple

from rftcore_alfworld.generator import TYPES, draft
from rftcore_alfworld.tasks import EASY, layout_of
from rftcore_alfworld.verify import turns

_FIRST = 2**32
"""Where the seeds of practice games begin; those of listed ones end at some thousand."""


class Practice(NamedTuple):
    """One game to practise: what it is invented from."""

    task_type: str
    layout: int
    seed: int


def practice(rng: random.Random, difficulty: str, longest: int) -> Practice:
    """Draw a game, in a layout of the train split, that the expert wins within `longest` turns, in that difficulty."""
    while True:
        # Easy and hard differ in the types that they have, so a type that does not fit is drawn again with the game.
        task_type = rng.choice(TYPES)
        seed = _FIRST + rng.getrandbits(40)
        layout = layout_of("train", task_type, seed)
        took = turns(draft(task_type, layout, seed))
        if took and (took <= EASY) == (difficulty == "easy") and took <= max(longest, EASY + 1):
            return Practice(task_type, layout, seed)
