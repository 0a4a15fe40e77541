"""Which levels and seeds are tasks: the result of letting the expert play, stored in one small file.

Playing thousands of levels takes minutes, so it happened once (`python -m rftcore_babyai.verify`). A task is a level
and a seed that the expert finishes in time, and whose world (grid, agent, mission) is no other task's of its level:
small levels repeat themselves, and a test task that is also a train task would test nothing.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from rftcore.schemas.task import Split
from rftcore_babyai.levels import GROUPS, LEVELS

FIRST_SEED: dict[Split, int] = {"train": 1_000, "test": 1_000_000}
"""Where the seeds of a split begin. AgentGym's own tasks have seeds below 1,000, so they are in no list."""

LIMITS: dict[str, int] = {"easy": 6, "hard": 20}
"""Turns within which the expert must be done."""

SYMBOLS = "0123456789abcdefghijk"
"""One symbol a seed in the stored file: how many turns the expert took; 0, no task."""

FILE = "expert_turns.json"


@cache
def stored() -> dict[str, dict[Split, str]]:
    """Return for each level and split the symbols of its seeds, from the first."""
    turns: dict[str, dict[Split, str]] = json.loads((files("rftcore_babyai") / FILE).read_text(encoding="ascii"))
    return turns


@cache
def listed(split: Split, difficulty: str) -> tuple[tuple[str, int, int], ...]:
    """Return level, seed and turns of the expert of every task in order: the first of each level, then the second."""
    ranked = []
    for number in GROUPS[difficulty]:
        level = LEVELS[number]
        seeds = ((seed, SYMBOLS.index(symbol)) for seed, symbol in enumerate(stored()[level][split], FIRST_SEED[split]))
        for rank, (seed, turns) in enumerate(pair for pair in seeds if pair[1]):
            ranked.append((rank, number, seed, turns))
    return tuple((LEVELS[number], seed, turns) for _, number, seed, turns in sorted(ranked))
