"""Dials that are slow, say too much or keep what was said, and some that only look as if they did."""

from __future__ import annotations

import json
import time
from typing import ClassVar

from dial import Dial, Turning

from rftcore.environment import Step


class Decoding(Turning):
    """Looks up attributes in C, whose names the interpreter keeps until its own cache is full."""

    def step(self, action: str) -> Step:
        for _ in range(20):
            json.loads("[]", parse_float=float)
        return super().step(action)


class Warming(Dial):
    """Keeps every promise."""

    episode = Decoding


class Slow(Turning):
    def step(self, action: str) -> Step:
        time.sleep(0.3 if "\0" in action else 0.0)
        return super().step(action)


class Tiring(Dial):
    episode = Slow


class Late(Turning):
    """Takes a while to be closed."""

    def close(self) -> None:
        time.sleep(0.07)


class Tardy(Dial):
    """Keeps every promise, at its leisure."""

    episode = Late


class Talking(Turning):
    def say(self, text: str, *, first: bool = False) -> str:
        return super().say(text, first=first).ljust(100_001)


class Chattering(Dial):
    episode = Talking


class Noting(Turning):
    """Keeps what is said."""

    said: ClassVar[list[list[str]]] = []

    def step(self, action: str) -> Step:
        self.said.append([action])
        return super().step(action)


class Diary(Dial):
    episode = Noting
