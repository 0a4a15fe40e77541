"""What the configured metrics say of one cell, from its groups alone."""

from __future__ import annotations

from collections.abc import Sequence

from rftcore import registry
from rftcore.metric import CellData, Metric, StudyData, StudyFigures
from rftcore.plan import CellNode
from rftcore.schemas.config import Settings
from rftcore.schemas.trajectory import Group


def measure(config: Settings, groups: Sequence[Group]) -> dict[str, float]:
    """Return the scores of one cell's groups, of all metrics together."""
    scores: dict[str, float] = {}
    for component in config.metrics:
        metric: Metric = registry.create("metric", component.name, component.options)
        scores |= metric.measure(groups)
    return scores


def interval(config: Settings, node: CellNode, groups: Sequence[Group]) -> tuple[float, float] | None:
    """Return the ends of the 95 % interval of a cell's success, those that the report will give; None without any.

    The metric that summarizes studies computes it, of a study of this cell alone.
    """
    alone = StudyData(
        cells=[],
        references=[CellData(node.train, node.environment, node.difficulty, groups)],
        axes={},
        stages=[],
        trained_on={},
        seed=config.seed,
    )
    for component in config.metrics:
        found: StudyFigures | None = registry.create("metric", component.name, component.options).study(alone)
        if found is not None:
            ends = [(cell.ci_low, cell.ci_high) for cell in found.references]
            return next(((low, high) for low, high in ends if low is not None and high is not None), None)
    return None
