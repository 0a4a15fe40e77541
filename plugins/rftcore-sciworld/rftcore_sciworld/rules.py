"""How an action reaches the simulator: as it is, or under the mended rules."""

from __future__ import annotations

from rftcore_sciworld.world import Outcome, World

STEP_LIMIT = 100
"""Counted moves beyond which the simulator's Python package ends an episode, whatever the score."""


def act(world: World, action: str, *, mended: bool) -> Outcome:
    """Apply `action`. Mended: after a question, an action that is no number withdraws it and is carried out."""
    if mended and world.asked and not action.strip().isdecimal():
        world.step("")
    return world.step(action)
