"""Which tasks there are: the simulator's thirty kinds, their variations, and how many turns a gold path takes.

Known without Java: the number of variations is the simulator's own, and the turns were measured once by
`python -m rftcore_sciworld.survey`.
"""

from __future__ import annotations

import json
import random
from functools import cache
from importlib.resources import files

from rftcore.schemas.task import Split

VARIATIONS: dict[str, int] = {
    "boil": 30,
    "melt": 30,
    "freeze": 30,
    "change-the-state-of-matter-of": 30,
    "use-thermometer": 540,
    "measure-melting-point-known-substance": 436,
    "measure-melting-point-unknown-substance": 300,
    "power-component": 20,
    "power-component-renewable-vs-nonrenewable-energy": 20,
    "test-conductivity": 900,
    "test-conductivity-of-unknown-substances": 600,
    "find-living-thing": 300,
    "find-non-living-thing": 300,
    "find-plant": 300,
    "find-animal": 300,
    "grow-plant": 126,
    "grow-fruit": 126,
    "chemistry-mix": 32,
    "chemistry-mix-paint-secondary-color": 36,
    "chemistry-mix-paint-tertiary-color": 36,
    "lifespan-longest-lived": 125,
    "lifespan-shortest-lived": 125,
    "lifespan-longest-lived-then-shortest-lived": 125,
    "identify-life-stages-1": 14,
    "identify-life-stages-2": 10,
    "inclined-plane-determine-angle": 168,
    "inclined-plane-friction-named-surfaces": 1386,
    "inclined-plane-friction-unnamed-surfaces": 162,
    "mendelian-genetics-known-plant": 120,
    "mendelian-genetics-unknown-plant": 480,
}
"""Kinds of tasks in the order of ScienceWorld's paper, and how many variations of each there are."""

EASY = (
    "find-living-thing",
    "find-non-living-thing",
    "find-plant",
    "find-animal",
    "lifespan-longest-lived",
    "lifespan-shortest-lived",
    "lifespan-longest-lived-then-shortest-lived",
    "power-component",
)
"""Kinds whose gold paths are short: find a thing, or wire up one. All others are hard."""

EXCLUDED = (
    "grow-plant",
    "grow-fruit",
    "inclined-plane-determine-angle",
    "inclined-plane-friction-named-surfaces",
    "inclined-plane-friction-unnamed-surfaces",
    "mendelian-genetics-known-plant",
    "mendelian-genetics-unknown-plant",
)
"""What AgentGym leaves out; the numbers 5-1, 5-2, 9-1 to 9-3, 10-1 and 10-2 of ScienceWorld's paper."""

LONG = (*EXCLUDED, "measure-melting-point-unknown-substance")
"""Kinds whose gold paths mostly take 50 turns and more."""
MANY = ("use-thermometer", "test-conductivity", "test-conductivity-of-unknown-substances")
"""Hard kinds with hundreds of variations whose gold paths mostly fit into 30 turns."""

FILE = "gold_turns.json"


def variations(kind: str, split: Split) -> list[int]:
    """Return the simulator's own variations of `kind` for a split: the first half, or the last quarter.

    The third quarter is its development set and is in no list.
    """
    quarter = VARIATIONS[kind] // 4
    return list(range(2 * quarter)) if split == "train" else list(range(3 * quarter, VARIATIONS[kind]))


def candidates(kind: str, split: Split) -> list[int]:
    """Return the variations that may be tasks, in the order of the lists: a sample, so no kind drowns the others."""
    every = variations(kind, split)
    random.Random(f"{kind}/{split}").shuffle(every)
    if kind in LONG:
        return every[: {"train": 4, "test": 2}[split]]
    return every[: 100 if kind in MANY else 60]


@cache
def stored() -> dict[str, dict[Split, list[int]]]:
    """Return for each kind and split the turns of the gold paths of the candidates; 0 where there is no task."""
    turns: dict[str, dict[Split, list[int]]] = json.loads(
        (files("rftcore_sciworld") / FILE).read_text(encoding="ascii")
    )
    return turns


@cache
def surveyed() -> dict[tuple[str, int], int]:
    """Return the turns of the gold path that the survey played, by kind and variation of the task."""
    return {
        (kind, variation): turns
        for kind, splits in stored().items()
        for split, measured in splits.items()
        for variation, turns in zip(candidates(kind, split), measured, strict=False)
        if turns
    }


@cache
def listed(split: Split, difficulty: str) -> tuple[tuple[str, int, int], ...]:
    """Return kind, variation and gold turns of every task in order: the first of each kind, then the second."""
    kinds = EASY if difficulty == "easy" else [kind for kind in VARIATIONS if kind not in EASY]
    ranked = []
    for number, kind in enumerate(kinds):
        pairs = zip(candidates(kind, split), stored().get(kind, {}).get(split, ()), strict=False)
        for rank, (variation, turns) in enumerate(pair for pair in pairs if pair[1]):
            ranked.append((rank, number, kind, variation, turns))
    return tuple((kind, variation, turns) for _, _, kind, variation, turns in sorted(ranked))
