"""Official games, and others in their layout: which there are, and one game read from its file.

`<folder>/json_2.1.1/{train,valid_seen,valid_unseen}/<task>/<trial>/` holds `game.tw-pddl` and `traj_data.json`. A game
file also carries a text grammar, which the original program evaluates as code; here the problem and the goal's sentence
are all that is read, and nothing is evaluated. Listing thousands of games opens each file only for its last bytes.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from rftcore.errors import ConfigError
from rftcore_alfworld.game import Game, build
from rftcore_alfworld.generator import TYPES
from rftcore_alfworld.goal import understand
from rftcore_alfworld.pddl import read

LARGEST = 16 * 2**20
"""Bytes of a file that is read at all; official ones have about 0.2 million."""
_LAYER = "json_2.1.1"
_GAME, _TRAJECTORY = "game.tw-pddl", "traj_data.json"
_TAIL = 8 * 2**10
"""Bytes at the end of a game file in which `solvable` is looked for."""
_SOLVABLE = re.compile(rb'(?<!\\)"solvable"\s*:\s*(true|false)')
_SENTENCE = re.compile(r'Your task is to: ([^"\\\n]{1,300})')


def root(folder: str) -> Path:
    """Return the folder with the splits in it, for `folder` itself or what `$ALFWORLD_DATA` names when it is empty.

    Raises ConfigError when there is none.
    """
    named = folder or os.environ.get("ALFWORLD_DATA", "")
    if not named:
        raise ConfigError("data: 'official' needs the variable ALFWORLD_DATA, or name the folder with json_2.1.1 in it")
    for found in (Path(named) / _LAYER, Path(named)):
        if (found / "train").is_dir():
            return found.resolve()
    raise ConfigError(f"data: found no {_LAYER}/train in {named}, expected the layout of the official games")


@cache
def listing(folder: Path) -> tuple[tuple[str, str], ...]:
    """Return path within `folder` and task type of each game in it that the official loader takes, sorted by path.

    `folder` is one split. Paths have forward slashes. The result is kept for the life of the process. Raises
    ConfigError when a file is damaged: leaving it out in silence would make another list of tasks.
    """
    found = []
    for path, _, files in os.walk(folder):
        if _TRAJECTORY in files and refusal(path) is None:
            found.append((os.path.relpath(path, folder).replace(os.sep, "/"), task_type(path)))
    return tuple(sorted(found))


def refusal(trial: str | Path) -> str | None:
    """Return why the official loader skips a trial's folder, or None when it takes it."""
    path = str(trial)
    if "movable" in path:
        return "movable receptacle task"
    if "Sliced" in path:
        return "task with a sliced object"
    if task_type(path) not in TYPES:
        return "unknown task type"
    try:
        # Thousands of these are opened to list them, so each is touched once.
        with open(f"{path}/{_GAME}", "rb") as file:  # noqa: PTH123
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            marked = _SOLVABLE.findall(file.read())
    except FileNotFoundError:
        return f"no {_GAME}"
    except OSError as error:
        raise ConfigError(f"{path}/{_GAME} cannot be read ({error})") from None
    if size > LARGEST:
        return f"{_GAME} is over {LARGEST // 2**20} MiB"
    # The key stands behind the long texts, so that the end of the file tells; where it does not, all of it has to.
    solvable = marked[0] == b"true" if len(marked) == 1 else _parsed(Path(path) / _GAME).get("solvable")
    if solvable is None:
        return 'no "solvable" key'
    return None if solvable else "solvable is false"


def task_type(trial: str | Path) -> str:
    """Return the task type that the folder's name begins with; where it begins with none, `traj_data.json` is asked."""
    name = os.path.basename(os.path.dirname(trial)).partition("-")[0]  # noqa: PTH119, PTH120
    return name if name in TYPES else str(_parsed(Path(trial) / _TRAJECTORY).get("task_type", ""))


@lru_cache(maxsize=64)
def load(trial: Path, mended: bool) -> Game:
    """Read the game of a trial's folder.

    Raises ConfigError when it is missing, too large, damaged or none of the six task types.
    """
    path = trial / _GAME
    parsed = _parsed(path)
    try:
        wrong = [key for key in ("pddl_problem", "grammar") if not isinstance(parsed.get(key), str)]
        if wrong:
            raise ConfigError(f"found no text under {' and '.join(wrong)}, expected a game of ALFWorld")
        sentence = _SENTENCE.search(parsed["grammar"])
        if sentence is None or not sentence[1].isprintable():
            raise ConfigError("found no plain sentence 'Your task is to: ...' in the grammar, expected the goal there")
        problem = read(parsed["pddl_problem"])
        goal = understand(problem.goal)
        return build(problem.facts, goal, sentence[1].strip().removesuffix("."), mended)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _parsed(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}: found a file over {LARGEST // 2**20} MiB, expected a game of ALFWorld")
        parsed = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = f"{type(error).__name__}: {str(error)[:120]}"
        raise ConfigError(f"{path} cannot be read ({reason}); copy it again, or remove its folder") from None
    if not isinstance(parsed, dict):
        raise ConfigError(f"{path}: found a {type(parsed).__name__}, expected a JSON object")
    return parsed
