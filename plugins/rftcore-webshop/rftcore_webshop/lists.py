"""Task lists: which goals belong to which split and difficulty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from rftcore.schemas.task import Split
from rftcore_webshop.goals import Goal
from rftcore_webshop.shopper import FARTHEST

Lists = Mapping[tuple[Split, str], tuple[int, ...]]
"""Split and difficulty to numbers of goals, in order."""
Part = Literal["test", "validation"]
"""Which of the maintainers' held-out parts is the split `test`."""

EASY, HARD = 2, 4
"""Attributes and options of an easy goal at most, and of a hard one of the generated catalogue at least."""
_HELD_OUT = 8
"""One family of the generated catalogue in this many is for testing."""
_PARTS: Mapping[Part, range] = {"test": range(500), "validation": range(500, 1500)}
MOST_TASKS = 20_000
"""Tasks of a list at most; goals beyond can still be started by their number."""


def by_family(goals: Sequence[Goal], families: Sequence[int], places: Sequence[int]) -> Lists:
    """Return the lists of a generated catalogue; `families` and `places` are those of the goals.

    Easy: at most two constraints, and a product without near-duplicates, which the instruction finds on page 1.
    Hard: at least four constraints, and a product with near-duplicates, which the instruction finds on page 1 or 2.
    Near-duplicates are all in one split.
    """
    sizes = Counter(families)
    lists: dict[tuple[Split, str], list[int]] = {}
    for number, (goal, family) in enumerate(zip(goals, families, strict=True)):
        page, near = places[number], sizes[family] > 1
        if goal.constraints <= EASY and not near and page == 1:
            difficulty = "easy"
        elif goal.constraints >= HARD and near and 1 <= page <= FARTHEST:
            difficulty = "hard"
        else:
            continue
        lists.setdefault(("train" if family % _HELD_OUT else "test", difficulty), []).append(number)
    return {key: tuple(numbers) for key, numbers in lists.items()}


def by_position(goals: Sequence[Goal], part: Part, disjoint: bool) -> Lists:
    """Return the maintainers' lists: goals 0 to 499 for testing, 500 to 1499 for validation, the rest to train.

    Easy is at most two constraints. `disjoint` leaves out of train the products of the held-out goals.
    """
    held_out = {goal.asin for goal in goals[: _PARTS["validation"].stop]} if disjoint else set()
    train = (number for number in range(_PARTS["validation"].stop, len(goals)) if goals[number].asin not in held_out)
    test = (number for number in _PARTS[part] if number < len(goals))
    numbers: dict[Split, Iterable[int]] = {"train": train, "test": test}
    lists: dict[tuple[Split, str], tuple[int, ...]] = {}
    for split in numbers:
        easy, hard = _divided(goals, numbers[split])
        lists[split, "easy"], lists[split, "hard"] = easy[:MOST_TASKS], hard[:MOST_TASKS]
    return lists


def _divided(goals: Sequence[Goal], numbers: Iterable[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    listed = list(numbers)
    return (
        tuple(number for number in listed if goals[number].constraints <= EASY),
        tuple(number for number in listed if goals[number].constraints > EASY),
    )
