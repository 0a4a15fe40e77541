"""Which generated games are tasks: the result of letting the expert play them all, stored in one small file.

A game is a task type, a layout and a seed. `python -m rftcore_alfworld.verify` builds thousands, plays the expert's
plan in each, and stores how many turns it took; listing the tasks builds none.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from rftcore.schemas.task import Split
from rftcore_alfworld.generator import TYPES, rooms
from rftcore_alfworld.layouts import numbers

FILE = "expert_turns.json"
EASY = 6
"""Most turns of the expert in an easy task."""
SIZES: dict[Split, int] = {"train": 2400, "test": 240}
"""Tasks of each difficulty; there are more games in the file, of the types that have more."""
SYMBOLS = "0123456789abcdef"
"""One symbol a game in the stored file: how many turns the expert took; 0, no task."""


class Listed(NamedTuple):
    """One task: everything a game is invented from, and the expert's turns."""

    task_type: str
    layout: int
    seed: int
    turns: int


@cache
def stored() -> dict[Split, dict[str, str]]:
    """Return for each split and task type the symbols of its games, by seed from 0."""
    turns: dict[Split, dict[str, str]] = json.loads((files("rftcore_alfworld") / FILE).read_text(encoding="ascii"))
    return turns


def layout_of(split: Split, task_type: str, seed: int) -> int:
    """Return the layout in which a seed of a task type is played: all that suit it take turns."""
    suitable = numbers(split, rooms(task_type))
    return suitable[seed % len(suitable)]


@cache
def listed(split: Split, difficulty: str) -> tuple[Listed, ...]:
    """Return the tasks in order, the task types taking turns: the first of each, then the second."""
    ranked = []
    for number, task_type in enumerate(TYPES):
        turns = enumerate(SYMBOLS.index(symbol) for symbol in stored()[split][task_type])
        fitting = [(seed, count) for seed, count in turns if count and (count <= EASY) == (difficulty == "easy")]
        for rank, (seed, count) in enumerate(fitting):
            ranked.append((rank, number, Listed(task_type, layout_of(split, task_type, seed), seed, count)))
    return tuple(task for _, _, task in sorted(ranked)[: SIZES[split]])


@cache
def mean_turns(difficulty: str) -> float:
    """Return the expert's mean turns on the train tasks."""
    turns = [task.turns for task in listed("train", difficulty)]
    return round(sum(turns) / len(turns), 2)
