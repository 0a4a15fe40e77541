"""The environments that a server has built: one for each set of options that somebody plays with.

They are kept, since each may take long to build; where there are too many, the one that is unused for longest goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rftcore.environment import Environment
from rftcore.lane import Lane
from rftcore.protocol import Offer
from rftcore.schemas.frozen import digest
from rftcore_serve.sessions import Refusal, Sessions
from rftcore_serve.wire import Served

MOST = 16
"""Environments that are kept: each may hold a catalogue."""

T = TypeVar("T")


class World:
    """An environment, with what decides how it plays."""

    def __init__(self, offer: Offer, environment: Environment) -> None:
        self.environment = environment
        options = environment.config.model_dump(mode="json")
        self.served = Served(name=environment.name, version=offer.version, options=options)
        self.identity = self.served.identity


class Worlds:
    """Builds and asks environments in one thread, so that each is built once. Its methods belong to one event loop."""

    def __init__(self, offer: Offer, sessions: Sessions) -> None:
        self._offer, self._sessions = offer, sessions
        self._lane = Lane("environments")
        self._built: dict[str, asyncio.Future[World]] = {}
        """By their options; the one that was asked for last stands last."""

    async def get(self, options: Mapping[str, Any]) -> World:
        """Return the environment with these options. Raises ConfigError when they are wrong, and Refusal."""
        key = digest(options)
        building = self._built.pop(key, None)
        if building is None:
            if len(self._built) >= MOST and self._unused() is None:
                raise Refusal(
                    "full",
                    f"found {MOST} different sets of options in use, expected no more at once; close the episodes of "
                    f"one, or serve {self._offer.name} a second time",
                )
            building = asyncio.ensure_future(self.ask(lambda: World(self._offer, self._offer.make(options))))
        self._built[key] = building
        try:
            world = await asyncio.shield(building)  # others may wait for it, too
        except Exception:
            if self._built.get(key) is building:
                del self._built[key]
            raise
        while len(self._built) > MOST and (unused := self._unused()) is not None:
            del self._built[unused]
        return world

    async def ask(self, question: Callable[[], T]) -> T:
        """Return the answer to a question about an environment, and raise what it raises."""
        return await asyncio.wrap_future(self._lane.submit(question))

    def end(self) -> None:
        """Let the thread end."""
        self._lane.end()

    def _unused(self) -> str | None:
        """Return which of those that no live episode is played in was asked for longest ago."""
        played = self._sessions.owners()
        built = ((key, each) for key, each in self._built.items() if each.done() and each.exception() is None)
        return next((key for key, each in built if each.result() not in played), None)
