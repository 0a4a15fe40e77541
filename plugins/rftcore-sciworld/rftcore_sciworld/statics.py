"""What the simulator keeps once for all worlds of a Java process: random numbers, and the number of the next object.

Everything else is part of a world. By the random numbers animals wander; objects are numbered as they come to be.
"""

from __future__ import annotations

from typing import Any


class Statics:
    """The two values, to be put in place and read."""

    def __init__(self, java: Any) -> None:
        find = java.java.lang.Class.forName
        self._random = find("scala.util.Random$").getField("MODULE$").get(None)
        self._generator = find("scala.util.Random").getDeclaredField("self")
        self._generator.setAccessible(True)
        self._numbers = find("util.UniqueIdentifier$").getField("MODULE$").get(None)

    def put(self, generator: Any, count: int) -> None:
        """Let `generator`, a java.util.Random, give the random numbers, and number objects from `count` on."""
        self._generator.set(self._random, generator)
        getattr(self._numbers, "count_$eq")(count)

    def count(self) -> int:
        """Return the number of the next object."""
        return int(self._numbers.count())
