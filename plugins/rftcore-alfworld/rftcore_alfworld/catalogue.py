"""Which games are tasks, in which split and difficulty, for one choice of options: our own, official, or AgentGym's.

The difficulty of our own games is the length of the expert's plan. Official games are not opened to be listed, so
theirs is the task type, which their folder's name tells: placing one thing and looking at one in light are easy.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from rftcore.schemas.task import Split
from rftcore_alfworld import tasks
from rftcore_alfworld.agentgym import mapped
from rftcore_alfworld.generator import TYPES
from rftcore_alfworld.official import listing, load
from rftcore_alfworld.planner import Planner

EASY_TYPES = TYPES[:2]
_SAMPLE = 40
"""Official games of which the expert's mean turns are taken."""


class Source(NamedTuple):
    """Where the tasks come from."""

    games: Path | None
    """Folder with the official splits; None: our own games."""
    test_games: str
    """Folder of the official games that are the test split."""
    mappings: Path | None
    """Folder of AgentGym's files."""
    max_turns: int


class Entry(NamedTuple):
    """One task, before it is one of rftcore's."""

    split: Split
    difficulty: str
    key: str
    seed: int
    data: dict[str, JsonValue]


def entries(source: Source, split: Split, difficulty: str) -> list[Entry]:
    """Return the tasks in order; no game is built and no official one is read whole."""
    if source.games is None:
        return [
            Entry(split, difficulty, f"{t.task_type}/{t.seed}", t.seed, {"type": t.task_type, "layout": t.layout})
            for t in tasks.listed(split, difficulty)
            if t.turns <= source.max_turns
        ]
    if source.mappings is not None:
        numbered = mapped(source.mappings, source.games, split)
        keyed = [(f"agentgym/{number}", path, task_type) for number, path, task_type in numbered]
    else:
        folder = "train" if split == "train" else source.test_games
        found = listing(source.games / folder)
        keyed = [(f"{folder}/{path}", f"{folder}/{path}", task_type) for path, task_type in found]
    return [
        Entry(split, difficulty, key, _number(key), {"game": path})
        for key, path, task_type in keyed
        if (task_type in EASY_TYPES) == (difficulty == "easy")
    ]


@cache
def mean_turns(source: Source, difficulty: str) -> float:
    """Return the expert's mean turns on the train tasks; of official games, on 40 at even distances.

    0.0 when there are no tasks.
    """
    if source.games is None:
        turns = [t.turns for t in tasks.listed("train", difficulty) if t.turns <= source.max_turns]
    else:
        found = entries(source, "train", difficulty)
        chosen = found[:: max(1, len(found) // _SAMPLE)][:_SAMPLE]
        games = [load(source.games / str(entry.data["game"]), True) for entry in chosen]
        turns = [len(Planner(game, game.start).plan() or []) for game in games]
    return round(sum(turns) / len(turns), 2) if turns else 0.0


def _number(text: str) -> int:
    """Return 48 bits that depend on `text` alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
