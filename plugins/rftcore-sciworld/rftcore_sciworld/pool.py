"""Worlds that are free to be loaded again: making one is slow, loading one is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rftcore_sciworld.world import World

KEPT = 16
"""Most worlds that are kept for later; further ones are let go. Episodes that run are not counted."""

_idle: list[World] = []
_lock = threading.Lock()


def take() -> World:
    """Return a world that nobody else has: a kept one, or a new one. Starts Java when it does not run.

    Raises ConfigError without Java.
    """
    with _lock:
        while _idle:
            world = _idle.pop()
            if world.alive:
                return world
    return World()


def give_back(world: World) -> None:
    """Keep `world` for the next who asks; whoever had it must not use it any more."""
    with _lock:
        if world.alive and len(_idle) < KEPT:
            _idle.append(world)


@contextmanager
def borrowed() -> Iterator[World]:
    """Have a world for a while."""
    world = take()
    try:
        yield world
    finally:
        give_back(world)
