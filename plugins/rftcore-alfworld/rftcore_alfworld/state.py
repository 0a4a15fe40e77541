"""What changes in a game: where the agent stands, what is where, what is open, hot, cool, clean, sliced or on.

Objects, receptacles and places are numbers into the tables of `Game`. Nothing here knows the rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

NOWHERE = -1


@dataclass(slots=True)
class State:
    """The present state of one episode."""

    place: int
    """Where the agent is."""
    contents: list[list[int]]
    """For each receptacle the objects in or on it, in ascending order."""
    spots: dict[int, list[int]]
    """Places at which an object is said to be; usually one, its receptacle's."""
    held: int = NOWHERE
    facing: int = NOWHERE
    """The receptacle gone to last."""
    opened: set[int] = field(default_factory=set)
    clean: set[int] = field(default_factory=set)
    hot: set[int] = field(default_factory=set)
    cool: set[int] = field(default_factory=set)
    sliced: set[int] = field(default_factory=set)
    toggled: set[int] = field(default_factory=set)
    inside: dict[int, list[int]] = field(default_factory=dict)
    """For each movable container the objects in it, in ascending order."""
    left: set[tuple[int, int]] = field(default_factory=set)
    """Pairs of an object and a receptacle that it was taken from and not put back into."""
    seen: set[int] = field(default_factory=set)
    """Receptacles whose contents the agent has been shown."""

    def copy(self) -> Self:
        """Return a state that shares nothing that changes with this one."""
        return type(self)(
            self.place,
            [list(objects) for objects in self.contents],
            {thing: list(places) for thing, places in self.spots.items()},
            self.held,
            self.facing,
            set(self.opened),
            set(self.clean),
            set(self.hot),
            set(self.cool),
            set(self.sliced),
            set(self.toggled),
            {holder: list(objects) for holder, objects in self.inside.items()},
            set(self.left),
            set(self.seen),
        )
