"""Rooms to play in: kitchens, bedrooms, living rooms and bathrooms, drawn by number from rules about their furniture.

A layout says which receptacles a room has and which of them share a location. Those of the test split are other rooms
than those of the train split: no layout is drawn twice.
"""

from __future__ import annotations

import random
from functools import cache
from typing import NamedTuple

from rftcore.schemas.task import Split

ROOMS = ("kitchen", "bedroom", "livingroom", "bathroom")
COUNTS: dict[Split, int] = {"train": 120, "test": 40}
"""Layouts of each split, the rooms taking turns; the numbers of the test split follow those of the train split."""

_FURNITURE = {
    "kitchen": {
        "cabinet": (2, 4), "coffeemachine": (0, 1), "countertop": (1, 2), "diningtable": (0, 1), "drawer": (1, 3),
        "fridge": (1, 1), "garbagecan": (1, 1), "microwave": (1, 1), "shelf": (0, 2), "sinkbasin": (1, 1),
        "stoveburner": (0, 2), "toaster": (0, 1),
    },
    "bedroom": {
        "armchair": (0, 1), "bed": (1, 1), "desk": (1, 1), "drawer": (3, 6), "dresser": (0, 1), "garbagecan": (1, 1),
        "laundryhamper": (0, 1), "safe": (0, 1), "shelf": (1, 3), "sidetable": (1, 2),
    },
    "livingroom": {
        "armchair": (1, 2), "cabinet": (0, 2), "coffeetable": (1, 1), "diningtable": (0, 1), "drawer": (2, 3),
        "dresser": (0, 1), "garbagecan": (1, 1), "ottoman": (0, 1), "shelf": (0, 3), "sidetable": (1, 2),
        "sofa": (1, 1), "tvstand": (1, 1),
    },
    "bathroom": {
        "bathtubbasin": (0, 1), "cabinet": (2, 4), "cart": (0, 1), "countertop": (1, 1), "drawer": (0, 3),
        "garbagecan": (1, 1), "handtowelholder": (1, 2), "shelf": (0, 2), "sinkbasin": (1, 2), "toilet": (1, 1),
        "toiletpaperhanger": (1, 1), "towelholder": (1, 1),
    },
}  # fmt: skip
"""For each room and receptacle how many there may be, the least and the most: 8 to 20 in all."""
_STACKED = frozenset({"cabinet", "drawer", "shelf", "stoveburner"})
"""Receptacles of which neighbours may share a location."""
_SHARE = 0.25


class Layout(NamedTuple):
    """A room and its receptacles."""

    room: str
    receptacles: tuple[tuple[str, int], ...]
    """Class and location of each; locations count from 0 without gaps."""


@cache
def layouts() -> tuple[Layout, ...]:
    """Return all layouts by number, those of the train split first; all are different."""
    drawn: dict[Layout, None] = {}
    for number in range(sum(COUNTS.values())):
        attempt = 0
        while (layout := _draw(ROOMS[number % len(ROOMS)], f"alfworld/layout/{number}/{attempt}")) in drawn:
            attempt += 1
        drawn[layout] = None
    return tuple(drawn)


def numbers(split: Split, rooms: tuple[str, ...]) -> list[int]:
    """Return the numbers of the layouts of a split that are one of `rooms`."""
    first = 0 if split == "train" else COUNTS["train"]
    return [n for n in range(first, first + COUNTS[split]) if ROOMS[n % len(ROOMS)] in rooms]


def _draw(room: str, seed: str) -> Layout:
    rng = random.Random(seed)
    receptacles: list[tuple[str, int]] = []
    place = -1
    for kind, (least, most) in _FURNITURE[room].items():
        for number in range(rng.randint(least, most)):
            together = number > 0 and kind in _STACKED and rng.random() < _SHARE
            place += not together
            receptacles.append((kind, place))
    return Layout(room, tuple(receptacles))
