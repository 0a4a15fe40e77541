"""How the actions of a Gymnasium environment are said in text.

Discrete actions have names, lists of them are said with commas in between, Text is said as it is, and everything else
is JSON. What is blank is no action of any space.
"""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from itertools import product
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.spaces.text import alphanumeric

from rftcore.errors import ConfigError
from rftcore_gymnasium.values import NotInSpace, made, plain, supported, wanted

LISTED = 256
"""Combinations that are still listed one by one."""

MASK = "action_mask"
"""Key of `info` that holds which Discrete actions are possible now: Gymnasium's convention, as in Taxi."""


class NotUnderstood(ValueError):
    """A text that is no action; says what was expected."""


class Actions(ABC):
    """Reads and draws the actions of one space."""

    grammar: str
    """What an action looks like, in one sentence."""
    enumerated: bool
    """Whether all of them can be listed."""

    def listed(self, info: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Return the actions that are possible now, or None when they are not enumerated."""
        return None

    @abstractmethod
    def read(self, text: str, info: Mapping[str, Any]) -> Any:
        """Return the value that `text` stands for. Raises NotUnderstood."""

    @abstractmethod
    def draw(self, rng: random.Random) -> str:
        """Return a random action in text."""


def actions_of(space: spaces.Space[Any], names: Sequence[str]) -> Actions:
    """Return how the actions of `space` are said. Raises ConfigError for spaces and names that do not do."""
    match space:
        case spaces.Discrete():
            return Named(space, names)
        case _ if names:
            raise ConfigError(
                f"actions: found names for a space of {type(space).__name__}, expected a Discrete one; leave them out"
            )
        case spaces.Text():
            return Free(space)
        case spaces.MultiDiscrete() if len(space.shape) == 1:
            return Several(space)
    problem = supported(space)
    if problem is not None:
        raise ConfigError(f"id: its actions are of {problem}, expected some that can be said in text; wrap it")
    return Json(space)


class Named(Actions):
    """Discrete: one name each, by default its number."""

    enumerated = True

    def __init__(self, space: spaces.Discrete, names: Sequence[str]) -> None:
        first, count = int(space.start), int(space.n)
        self._names = tuple(names) or tuple(str(number) for number in range(first, first + count))
        if len(self._names) != count or len({name.lower() for name in self._names}) != count:
            raise ConfigError(
                f"actions: found {len(self._names)} names ({', '.join(self._names)}), "
                f"expected {count} different ones, of the actions {first} to {first + count - 1}"
            )
        self._dtype = space.dtype.type
        self._values = {name.lower(): first + number for number, name in enumerate(self._names)}
        self._first = first
        self.grammar = f"Answer with one of these actions: {', '.join(self._names)}."

    def listed(self, info: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of those that `info` does not mask."""
        mask = info.get(MASK)
        if mask is None or len(mask) != len(self._names):
            return self._names
        return tuple(name for name, possible in zip(self._names, mask, strict=True) if possible)

    def read(self, text: str, info: Mapping[str, Any]) -> Any:
        """Return the number of a name; capitals do not matter."""
        value = self._values.get(text.strip().lower())
        possible = self.listed(info)
        if value is None or self._names[value - self._first] not in possible:
            raise NotUnderstood(f"one of: {', '.join(possible)}")
        return self._dtype(value)

    def draw(self, rng: random.Random) -> str:
        """Return any name."""
        return rng.choice(self._names)


class Several(Actions):
    """MultiDiscrete: numbers with commas in between."""

    def __init__(self, space: spaces.MultiDiscrete) -> None:
        self._space = space
        starts, counts = space.start.tolist(), space.nvec.tolist()
        self._parts = [range(start, start + count) for start, count in zip(starts, counts, strict=True)]
        self.enumerated = int(np.prod(space.nvec, dtype=object)) <= LISTED
        self._all = tuple(map(_joined, product(*self._parts))) if self.enumerated else None
        self._wanted = f"{len(counts)} whole numbers with commas in between, " + ", ".join(
            f"{part[0]} to {part[-1]}" for part in self._parts
        )
        self.grammar = f"Answer with {self._wanted}."

    def listed(self, info: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Return all combinations, where there are few."""
        return self._all

    def read(self, text: str, info: Mapping[str, Any]) -> Any:
        """Return the array of the numbers."""
        words = [word.strip() for word in text.split(",")]
        fits = len(words) == len(self._parts) and all(word.isascii() and word.isdecimal() for word in words)
        # Longer words are no small numbers, and Python refuses to read very long ones.
        numbers = [int(word) for word in words] if fits and all(len(word) < 10 for word in words) else []
        if not numbers or any(number not in part for number, part in zip(numbers, self._parts, strict=True)):
            raise NotUnderstood(self._wanted)
        return np.asarray(numbers, dtype=self._space.dtype)

    def draw(self, rng: random.Random) -> str:
        """Draw each number on its own."""
        return _joined(rng.choice(part) for part in self._parts)


class Free(Actions):
    """Text: any text of the space.

    Whoever makes a Text space without an alphabet gets Gymnasium's letters and digits, without even a space; such an
    alphabet was not chosen, and is not enforced.
    """

    enumerated = False

    def __init__(self, space: spaces.Text) -> None:
        self._space = space
        self._any = space.character_set == alphanumeric
        self._wanted = f"a text of {space.min_length} to {space.max_length} characters"
        if not self._any:
            self._wanted += f" out of {space.characters!r}"
        self.grammar = f"Answer with {self._wanted}."

    def read(self, text: str, info: Mapping[str, Any]) -> str:
        """Return `text` when it is in the space and says anything; the space around it does not count."""
        said = text.strip(" \t\r\n\0")
        fits = self._space.min_length <= len(said) <= self._space.max_length
        if not said or not fits or not (self._any or said in self._space):
            raise NotUnderstood(self._wanted)
        return said

    def draw(self, rng: random.Random) -> str:
        """Return characters of the space at random."""
        return str(_sample(self._space, rng))


class Json(Actions):
    """Everything else: JSON in the shape of the space."""

    enumerated = False

    def __init__(self, space: spaces.Space[Any]) -> None:
        self._space = space
        example = json.dumps(plain(_sample(space, random.Random(0))))
        self.grammar = f"Answer in JSON with {wanted(space)}, such as {example}"

    def read(self, text: str, info: Mapping[str, Any]) -> Any:
        """Return the value of the space."""
        try:
            return made(self._space, json.loads(text))
        except NotInSpace as error:
            raise NotUnderstood(str(error)) from None
        except (ValueError, RecursionError):
            raise NotUnderstood(f"JSON: {wanted(self._space)}") from None

    def draw(self, rng: random.Random) -> str:
        """Return a sample of the space."""
        return json.dumps(plain(_sample(self._space, rng)))


def _joined(numbers: Any) -> str:
    return ", ".join(str(number) for number in numbers)


def _sample(space: spaces.Space[Any], rng: random.Random) -> Any:
    drawn = deepcopy(space)
    drawn.seed(rng.getrandbits(31))
    return drawn.sample()
