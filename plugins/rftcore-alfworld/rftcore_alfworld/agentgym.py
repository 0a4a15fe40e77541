"""AgentGym's task numbers: which official game each of them means.

AgentGym's server has two files, `mappings_train.json` (numbers 0 to 2419) and `mappings_test.json` (2420 to 2619), each
a list of `item_id`, `task_type` and `task_id`, the last two being names of folders. Its test games lie in a folder of
its own, `valid_train`; where that is missing, they are looked for among the official train games.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from rftcore.errors import ConfigError
from rftcore.schemas.task import Split
from rftcore_alfworld.generator import TYPES

_FOLDERS: dict[Split, tuple[str, ...]] = {"train": ("train",), "test": ("valid_train", "train")}
_LARGEST = 16 * 2**20


@cache
def mapped(folder: Path, games: Path, split: Split) -> tuple[tuple[int, str, str], ...]:
    """Return number, path within `games` and task type of each task, in the order of `mappings_<split>.json`.

    Raises ConfigError when that file is missing or damaged, or names a game that `games` does not have.
    """
    file = folder / f"mappings_{split}.json"
    try:
        if file.stat().st_size > _LARGEST:
            raise ConfigError(f"mappings: found {file} over {_LARGEST // 2**20} MiB, expected AgentGym's file")
        entries = [(int(e["item_id"]), str(e["task_type"]), str(e["task_id"])) for e in json.loads(file.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"mappings: {file} cannot be used ({type(error).__name__}: {str(error)[:120]}); "
            "expected AgentGym's list of item_id, task_type and task_id"
        ) from None
    return tuple((number, _path(games, split, task, trial), _type(task)) for number, task, trial in entries)


def _path(games: Path, split: Split, task: str, trial: str) -> str:
    if not {task, trial}.isdisjoint({"", ".", ".."}) or "/" in task + trial or "\\" in task + trial:
        raise ConfigError(f"mappings: found the game {task[:80]!r}/{trial[:80]!r}, expected two names of folders")
    for folder in _FOLDERS[split]:
        if (games / folder / task / trial / "game.tw-pddl").is_file():
            return f"{folder}/{task}/{trial}"
    raise ConfigError(f"mappings: found no game {task}/{trial} in {games}/{' or '.join(_FOLDERS[split])}")


def _type(task: str) -> str:
    task_type = task.partition("-")[0]
    if task_type not in TYPES:
        raise ConfigError(f"mappings: found the task type {task_type[:80]!r}, expected one of {', '.join(TYPES)}")
    return task_type
