"""Which turns of a group were in the same state: the anchors that GiGPO compares actions at. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rftcore.schemas.trajectory import Trajectory

State = Literal["observation", "history"]

Place = tuple[int, int]
"""A trajectory's index and a turn's."""


def same_states(trajectories: Sequence[Trajectory], state: State) -> list[list[Place]]:
    """Return every turn of `trajectories` of one task exactly once, in lists of turns that were in the same state.

    With "observation" the state is the canonical text of what the turn saw: words as they are, any run of white space
    as one space. With "history" it is that of everything seen and done until then, from the task's start.
    Both ways a state that comes again within a trajectory counts each time. Lists and places are in the order of their
    first appearance.
    """
    found: dict[tuple[str, ...], list[Place]] = {}
    for number, trajectory in enumerate(trajectories):
        before: tuple[str, ...] = ()
        for index, turn in enumerate(trajectory.turns):
            now = (*before, canonical(turn.observation))
            found.setdefault(now, []).append((number, index))
            if state == "history":
                before = (*now, canonical(turn.action))
    return list(found.values())


def canonical(text: str) -> str:
    """Return `text` with every run of white space as one space, and none at its ends."""
    return " ".join(text.split())
