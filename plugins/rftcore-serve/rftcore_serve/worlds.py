"""The environments that a server has built: one for each set of options that somebody plays with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rftcore.environment import Environment
from rftcore.lane import Lane
from rftcore.protocol import Offer
from rftcore.schemas.frozen import digest
from rftcore_serve.sessions import Refusal
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

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._lane = Lane("environments")
        self._built: dict[str, World] = {}

    async def get(self, options: Mapping[str, Any]) -> World:
        """Return the environment with these options. Raises ConfigError when they are wrong, and Refusal."""
        key = digest(options)
        if key not in self._built:
            self._built[key] = await self.ask(lambda: self._build(options))
        return self._built[key]

    async def ask(self, question: Callable[[], T]) -> T:
        """Return the answer to a question about an environment, and raise what it raises."""
        return await asyncio.wrap_future(self._lane.submit(question))

    def end(self) -> None:
        """Let the thread end."""
        self._lane.end()

    def _build(self, options: Mapping[str, Any]) -> World:
        key = digest(options)
        if key in self._built:
            return self._built[key]
        if len(self._built) >= MOST:
            name = self._offer.name
            raise Refusal("full", f"found {MOST} different sets of options, expected no more; serve {name} again")
        return World(self._offer, self._offer.make(options))
