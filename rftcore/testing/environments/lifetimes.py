"""What an episode gives back at its end: threads, processes, sockets, files, memory."""

from __future__ import annotations

import os
import time
from collections import Counter

from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.child import ask, temporary
from rftcore.testing.environments.world import World

EPISODES = 8
"""Episodes that are played while the process is watched, after as many before."""
STARTS = 10_000
WALKS = 500
SECONDS = 20.0
"""After which a slow environment has been started, or played, often enough, if that was `LEAST` times."""
LEAST = 8
"""Episodes that memory has to be watched over."""
BLOCKS = 0.5
"""Blocks of Python's memory an episode may leave behind on average: one that stays for good leaves several."""
BYTES = 16 * 2**20
"""By which the process may grow in all: allocators keep what they have had."""
PATIENCE = 5.0
"""Seconds in which what an environment has started has to end after the interpreter has."""


@check("full")
def nothing_is_left_behind(world: World) -> Problems:
    """Closed episodes leave no thread, process, socket or file, and neither does the interpreter at its end."""
    with temporary() as folder:
        found = ask(
            "rftcore.testing.environments.traces:left_behind",
            folder=folder,
            world=world.described(),
            episodes=EPISODES,
        )
        for kind, (before, after) in found.items():
            more = sorted((Counter(after) - Counter(before)).elements()) if len(after) > len(before) else []
            if more:
                yield (
                    f"{EPISODES} closed episodes left {len(after) - len(before)} {kind} more than there were "
                    f"({', '.join(more[:3])}), expected none; let go of them in Episode.close"
                )
        alive = _alive([int(process) for process in found["processes"][1]])
        if alive:
            yield f"process {alive[0]} goes on after the interpreter has ended, expected its end; end it at exit"
        left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        if left:
            yield (
                f"{', '.join(left[:3])} is in the folder for temporary files after the interpreter has ended, expected "
                "nothing; remove it at exit"
            )


@check("full")
def starts_keep_memory(world: World) -> Problems:
    """Memory stays flat over 10,000 starts of at most two actions, or as many as 20 seconds allow."""
    yield from _grown(world, whole=False, count=STARTS)


@check("full")
def walks_keep_memory(world: World) -> Problems:
    """Memory stays flat over 500 episodes that are played to their end, or as many as 20 seconds allow."""
    yield from _grown(world, whole=True, count=WALKS)


def _grown(world: World, *, whole: bool, count: int) -> Problems:
    found = ask(
        "rftcore.testing.environments.traces:growth",
        world=world.described(),
        whole=whole,
        count=count,
        seconds=SECONDS,
        least=LEAST,
    )
    seen = f"{found['episodes']} of {count} episodes in {found['seconds']:.0f} s"
    if found["counted"] < LEAST:
        raise NotApplicable(f"{seen} are too few to tell a leak from a cache that fills")
    if found["episodes"] < count:
        world.note(seen)
    after = f"each of the last {found['counted']} of {found['episodes']} episodes left"
    if found["blocks"] > BLOCKS:
        yield (
            f"{after} {found['blocks']:.1f} blocks of memory behind, expected less than {BLOCKS}; look for a list, a "
            "dictionary or a cache that keeps episodes"
        )
    elif found["size"] > BYTES:
        yield (
            f"{after} {found['bytes'] / 1024:.1f} KiB behind, expected {BYTES / 2**20:.0f} MiB at most in all; look "
            "for what is allocated outside of Python"
        )


def _alive(processes: list[int]) -> list[int]:
    """Return those that have not ended after a while."""
    end = time.monotonic() + PATIENCE
    while processes and time.monotonic() < end:
        processes = [process for process in processes if _runs(process)]
        time.sleep(0.05)
    return processes


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


LIFETIME_CHECKS = (nothing_is_left_behind, starts_keep_memory, walks_keep_memory)
