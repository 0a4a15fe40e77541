"""A task: one problem of one environment, identical on every machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, JsonValue

from rftcore.schemas.frozen import Frozen, digest

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")


class Task(Frozen):
    """One problem. Split and difficulty are part of its identity, so no list can mix them up."""

    environment: str
    id: str
    """`environment/difficulty/split/key`, unique within the environment."""
    split: Split
    difficulty: str
    seed: int
    """Everything random inside the task derives from this number."""
    data: dict[str, JsonValue] = Field(default_factory=dict)
    """Public content: what the environment needs to start an episode."""
    answer: JsonValue = Field(default=None, repr=False)
    """Private content: never part of an observation."""
    family: str | None = None
    """Tasks of one family are near-copies of each other, so statistics count them once; None: a family of its own."""

    @cached_property
    def digest(self) -> str:
        """sha256 of all that an episode depends on, private answer included; the family changes no episode."""
        # Every field is a JSON value already, and a study hashes thousands of tasks: no dump in between.
        return digest({name: getattr(self, name) for name in _FIELDS})

    @property
    def content(self) -> str:
        """sha256 of everything but id and split: equal for two tasks that are one problem."""
        return digest({name: getattr(self, name) for name in _FIELDS if name not in ("id", "split")})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed, and a digest of its own."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("digest", None)
        return copy


_FIELDS = tuple(name for name in Task.model_fields if name != "family")


def manifest(tasks: Sequence[Task]) -> str:
    """Return the sha256 that pins an ordered list of tasks."""
    return digest([task.digest for task in tasks])
