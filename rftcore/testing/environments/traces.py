"""What episodes leave behind in a process: threads, child processes, sockets, open files, files, memory.

Asked in an interpreter of its own with an empty folder to work in, where nothing else can be the cause. On systems
without /proc there is less to be seen: threads, files and blocks of memory.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from rftcore.testing.environments.walk import drawing, expert, play
from rftcore.testing.environments.world import World
from rftcore.testing.subject import rebuilt

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Traces:
    """What there is now, each thing by a name that a person recognizes."""

    threads: list[str]
    processes: list[str]
    sockets: list[str]
    files: list[str]
    """Open ones, and those in the working folder."""


def traces() -> Traces:
    """Return what this process holds."""
    gc.collect()
    sockets, files = [], [str(path) for path in Path.cwd().rglob("*") if path.is_file()]
    for entry in _listed("/proc/self/fd"):
        target = _link(entry)
        if target.startswith("socket:"):
            sockets.append(target)
        elif target.startswith("/") and not target.startswith(("/dev/", "/proc/")):
            files.append(f"{target} (open)")
    children = [child for task in _listed("/proc/self/task") for child in _children(task)]
    return Traces([thread.name for thread in threading.enumerate()], children, sockets, files)


def left_behind(world: Mapping[str, JsonValue], episodes: int) -> dict[str, list[list[str]]]:
    """Return what there is before and after `episodes` episodes, once as many have been played."""
    there = _world(world)
    tasks = there.some(2)

    def several() -> None:
        for number in range(episodes):
            task = tasks[number % len(tasks)]
            play(there.environment, task, drawing(task, number), there.environment.max_turns)

    several()
    before = traces()
    several()
    after = traces()
    return {kind: [held, asdict(after)[kind]] for kind, held in asdict(before).items()}


def growth(world: Mapping[str, JsonValue], whole: bool, count: int, seconds: float, least: int) -> dict[str, float]:
    """Return by how much memory grew over the second half of `count` episodes, or of as many as `seconds` allow.

    Where these are fewer than `least` counted ones, such as beside other work, it takes up to four times as long.

    `whole` plays them to their end, and else two turns at most. The first half has all that there is to remember, such
    as a cache, at least once; `counted` are those after it. `blocks` and `bytes` are per counted episode, of Python's
    own allocator and of the whole process; `size` is all the bytes together.
    """
    there = _world(world)
    tasks, turns = there.some(1 if whole else 2), there.environment.max_turns
    distinct = 3 * len(tasks)
    start, played, half, before = time.monotonic(), 0, 0, memory()
    while played < count and time.monotonic() - start < (4 * seconds if not half or played < half + least else seconds):
        task, way = tasks[played % len(tasks)], played // len(tasks) % 3
        player = expert(task) if whole and way == 0 and there.has_expert else drawing(task, way)
        play(there.own, task, player, turns if whole else way)  # nothing of the kit's between: it is measured
        played += 1
        enough = played >= count // 2 or time.monotonic() - start > seconds / 2
        if not half and played >= distinct and enough:
            half, before = played, memory()
    blocks, size = (now - then for now, then in zip(memory(), before, strict=True))
    counted = played - half if half else 0
    each = max(1, counted)
    return {
        "episodes": played,
        "counted": counted,
        "seconds": time.monotonic() - start,
        "blocks": blocks / each,
        "bytes": size / each,
        "size": size,
    }


def memory() -> tuple[int, int]:
    """Return blocks that Python has allocated, and bytes that the process has in memory (0 where nobody says)."""
    gc.collect()
    _forget_attributes()
    statm = Path("/proc/self/statm")
    return sys.getallocatedblocks(), int(statm.read_text().split()[1]) * PAGE if statm.is_file() else 0


def _forget_attributes() -> None:
    """Empty the interpreter's cache of looked-up attributes, which keeps up to 4096 names.

    Names that C code makes anew at each look-up, such as those of `json` and `re`, fill it over hundreds of episodes,
    and look like a leak until it is full.
    """
    if sys.version_info >= (3, 13):
        sys._clear_internal_caches()
    else:
        sys._clear_type_cache()


def _world(described: Mapping[str, Any]) -> World:
    world = rebuilt(described)
    assert isinstance(world, World)
    return world


def _listed(folder: str) -> list[Path]:
    return list(Path(folder).iterdir()) if Path(folder).is_dir() else []


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:  # the thread has ended since it was listed
        return []


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # it was the listing's own
        return ""
