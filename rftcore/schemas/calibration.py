"""A split by calibration: which tasks a reference policy solves often enough to be called easy. Stored as one file.

This is how arXiv 2603.12011 divides its tasks. The file says all that a reader needs to repeat it, and it pins the task
lists that it was made from.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split

DIFFICULTIES = ("easy", "hard")
"""The difficulties that a calibration knows, whatever the environment's own are."""


class Reference(Frozen):
    """Who played."""

    name: str
    """Of a policy, or of a model as it was named."""
    identity: str
    """Of a policy: its behaviour version. Of a model: the sha256 of weights, shape and tokenizer, or its hub id."""
    is_model: bool
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """How the model was asked: prompt format, history, sampling and number types. Of a policy: its options, if any."""


class Calibration(Frozen):
    """Pass rates of one policy on the tasks of one environment, and the split that follows from a threshold."""

    schema_version: Literal[1] = 1
    environment: str
    environment_version: str
    """Behaviour version of the environment."""
    options: dict[str, JsonValue]
    """The environment's options, every default filled in."""
    policy: Reference
    k: int = Field(ge=1)
    """Samples of each task."""
    threshold: float = Field(gt=0.0, le=1.0)
    """A task is easy when its pass rate is at least this."""
    seed: int
    tasks: int | None
    """How many tasks of each list played: the first ones; None: all."""
    manifests: dict[str, str]
    """`difficulty/split` -> sha256 of the environment's whole ordered task list, for each list that tasks are from."""
    pass_rates: dict[str, float | None] = Field(default_factory=dict)
    """Task id -> share of its samples that succeeded; None when the machine spoiled all of them."""
    easy: dict[Split, tuple[str, ...]] = Field(default_factory=dict)
    """Ids of the easy tasks, in order. Tasks of the environment's own difficulties take turns."""
    hard: dict[Split, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _follows(self) -> Self:
        known = {key: rate for key, rate in self.pass_rates.items() if rate is not None}
        wrong = [key for key, rate in known.items() if not 0.0 <= rate <= 1.0]
        if wrong:
            raise ValueError(f"pass rates from 0 to 1; that of {wrong[0]!r} is {known[wrong[0]]}")
        for name, lists, wanted in (("easy", self.easy, True), ("hard", self.hard, False)):
            listed = sorted(key for ids in lists.values() for key in ids)
            if listed != sorted(key for key, rate in known.items() if (rate >= self.threshold) == wanted):
                raise ValueError(f"the list {name!r} to follow from pass_rates and threshold")
        return self
