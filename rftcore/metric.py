"""The contract of a metric: pure functions of recorded trajectories, no model needed.

A metric measures single cells (one checkpoint, one environment, one difficulty), and may summarize a whole study or
compare two runs.
Masked trajectories are never counted as failures.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rftcore.rubric import Rubric
from rftcore.schemas.comparison import Comparison
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.report import Axes, Cell, StageReport
from rftcore.schemas.trajectory import Group


@dataclass(frozen=True, slots=True)
class CellData:
    """The evidence behind one cell: k trajectories of each of the same fixed tasks."""

    train: str
    environment: str
    difficulty: str
    groups: Sequence[Group]
    trajectories: str = ""
    """Where they are stored, relative to the run folder."""


@dataclass(frozen=True, slots=True)
class StudyData:
    """All the evidence of a study."""

    cells: Sequence[CellData]
    """Every evaluated checkpoint x environment x difficulty; `base` among the checkpoints."""
    references: Sequence[CellData]
    """The same tasks played by policies such as `oracle` and `random`."""
    axes: dict[str, Sequence[str]]
    """`difficulty`, `transfer`, `sequence` -> checkpoint names, without `base`."""
    stages: Sequence[StageReport]
    """In training order, figures of gain and loss not yet filled in."""
    trained_on: dict[str, frozenset[tuple[str, str]]]
    """Checkpoint -> pools (environment, difficulty) that RFT drew tasks from, over all its stages."""
    seed: int


@dataclass(frozen=True, slots=True)
class StudyFigures:
    """What a metric makes of a study."""

    axes: Axes
    references: list[Cell]
    stages: list[StageReport]
    summary: list[dict[str, Any]]
    minimum_detectable: float | None
    failures: list[dict[str, Any]] = field(default_factory=list)
    """A row for each cell of a model with the shares of failure modes, as `Report.failures` has them."""


class Metric(ABC):
    """Measures recorded trajectories."""

    class Config(Frozen):
        """Options of the metric."""

    name: ClassVar[str]

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments."""
        self.config: Any = self.Config.model_validate(options) if config is None else config

    @abstractmethod
    def measure(self, groups: Sequence[Group]) -> dict[str, float]:
        """Return named figures of one cell, such as `{"avg_at_k": 0.42, "turns": 3.1}`; absent when undefined."""

    def study(self, data: StudyData) -> StudyFigures | None:
        """Return the figures of a whole study, or None when this metric has none."""
        return None

    def compare(self, pairs: Sequence[tuple[CellData, CellData]]) -> list[Comparison] | None:
        """Return how each second cell differs from the first, or None when this metric does not compare.

        The two cells of a pair were evaluated on the same tasks.
        """
        return None

    def rubric(self) -> Rubric | None:
        """Return the labels that this metric gives to trajectories, for a judge to give them too; None: it has none."""
        return None
