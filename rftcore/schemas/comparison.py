"""What `rftcore compare` finds: cells of two runs side by side, on the same tasks. Others rely on these names.

A change is always after minus before: the second run's figure minus the first's.
"""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from rftcore.schemas.frozen import Frozen


class Comparison(Frozen):
    """One cell of the second run beside the first run's cell of the same place. Fractions are in [0, 1]."""

    before: str
    """The checkpoint or policy of the first run."""
    after: str
    """That of the second."""
    environment: str
    difficulty: str
    before_avg_at_k: float | None
    """Mean success over the tasks that both have a sample of; None when there is none."""
    after_avg_at_k: float | None
    change: float | None
    """The mean over tasks of each task's own change, in [-1, 1]."""
    change_ci_low: float | None
    change_ci_high: float | None
    p_value: float | None
    """Two-sided paired permutation test, raw."""
    p_adjusted: float | None
    """The same after Holm's correction over all the cells that are compared."""
    minimum_detectable: float | None
    """Smallest change that this cell would detect with 80 % power at the 5 % level."""
    tasks: int
    families: int
    """Families of tasks, the independent units of the interval and the test."""


class Uncompared(Frozen):
    """A cell that is not compared, and why."""

    before: str
    after: str
    environment: str
    difficulty: str
    reason: str


class Rule(Frozen):
    """What decides how an environment plays, where the two runs had it differently."""

    environment: str
    rule: str
    """The path of an option, such as `max_turns`, `name` for what plays the environment, or `behaviour version`."""
    before: JsonValue
    """Its value in the first run; None where that run has no such option."""
    after: JsonValue


class RunComparison(Frozen):
    """Two runs, cell by cell."""

    schema_version: Literal[1] = 1
    before: str
    """Id of the first run."""
    after: str
    rules: list[Rule]
    """What the cells that are compared or refused were played by, where it differs: a change may come from it."""
    cells: list[Comparison]
    refused: list[Uncompared]
    """Cells that stand at the same place, and were evaluated on different tasks."""
    left_out: list[Uncompared]
    """Cells that have no counterpart, are not evaluated yet, or are the same work in both runs."""
