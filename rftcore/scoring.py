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

    The metric that summarizes studies computes it, of a study of this cell alone, as of a reference. It is only shown:
    a metric that fails with such a study shows none.
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
        metric: Metric = registry.create("metric", component.name, component.options)
        try:
            found: StudyFigures | None = metric.study(alone)
        except Exception:  # it takes whole studies only; where it fails with those too, the report says why
            continue
        if found is not None:
            ends = [(cell.ci_low, cell.ci_high) for cell in found.references]
            return next(((low, high) for low, high in ends if low is not None and high is not None), None)
    return None
