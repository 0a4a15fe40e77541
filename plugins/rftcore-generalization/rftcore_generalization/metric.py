"""The metric `generalization`: from recorded trajectories to the three axes of a report.

Pure and deterministic: equal records give equal bytes, in whatever order groups come, and no model is needed. It states
no number that the records do not carry: what is undefined is None, never NaN and never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rftcore.errors import RunError
from rftcore.metric import CellData, Metric, StudyData, StudyFigures
from rftcore.rubric import Rubric
from rftcore.schemas.comparison import Comparison
from rftcore.schemas.report import Axes, Cell, Role
from rftcore.schemas.trajectory import Group
from rftcore_generalization.comparison import compared
from rftcore_generalization.evidence import Evidence, Place, collect
from rftcore_generalization.failure_table import failure_row
from rftcore_generalization.figures import figures
from rftcore_generalization.forgetting import with_figures
from rftcore_generalization.summary import summary_row
from rftcore_generalization.table import adjusted, cell

BASE = "base"
FLOOR = "random"
"""The reference that every score is also compared with: what no skill at all achieves."""

_Row = Mapping[Place, Evidence]


class Generalization(Metric):
    """Success with intervals, transfer, forgetting, and paired comparisons with base and with random play."""

    name: ClassVar[str] = "generalization"

    def measure(self, groups: Sequence[Group]) -> dict[str, float]:
        """Return the plain figures of one cell, as `figures` lists them."""
        return figures(groups)

    def study(self, data: StudyData) -> StudyFigures:
        """Return the figures of a whole study.

        Each axis is base's cells and then those of its checkpoints in order. Raises RunError when an axis or a stage
        names a checkpoint whose training is unknown, an axis one without cells, or when checkpoints were evaluated on
        different tasks.
        """
        table, references = collect(data.cells), collect(data.references)
        base, floor = table.get(BASE, {}), references.get(FLOOR, {})

        def row(train: str, found: _Row, role: Role | None = None) -> list[Cell]:
            """The cells of one checkpoint or reference, compared with base and floor but never with itself."""
            return [
                cell(
                    evidence,
                    None if found is base else base.get(place),
                    None if found is floor else floor.get(place),
                    role or _role(data, train, place[0]),
                    role is None and place in _trained_on(data, train),
                )
                for place, evidence in _ordered(found, base)
            ]

        cells = {train: row(train, found) for train, found in table.items()}
        axes = {axis: _axis(axis, trains, cells) for axis, trains in data.axes.items()}
        shown = [found.minimum_detectable for axis in axes.values() for found in axis]
        return StudyFigures(
            axes=Axes(**axes),
            references=adjusted([one for name, found in references.items() for one in row(name, found, "reference")]),
            stages=[
                with_figures(
                    stage,
                    parent=table.get(stage.parent, {}),
                    own=table.get(stage.name, {}),
                    earlier=_trained_on(data, stage.parent),
                    trained=_trained_on(data, stage.name),
                )
                for stage in data.stages
            ],
            summary=[
                summary_row(train, found, base, _trained_on(data, train))
                for train, found in table.items()
                if train != BASE
            ],
            minimum_detectable=max((size for size in shown if size is not None), default=None),
            failures=[
                failures
                for train, found in table.items()
                for _, evidence in _ordered(found, base)
                if (failures := failure_row(train, evidence)) is not None
            ],
        )

    def compare(self, pairs: Sequence[tuple[CellData, CellData]]) -> list[Comparison]:
        """Return each second cell beside the first, with the statistics that a study has for checkpoint and base."""
        return compared(pairs)

    def rubric(self) -> Rubric:
        """Return the modes of failure."""
        from rftcore_generalization.rubric import FailureRubric

        return FailureRubric()


def _axis(axis: str, trains: Sequence[str], cells: Mapping[str, list[Cell]]) -> list[Cell]:
    if missing := [train for train in trains if train not in cells]:
        raise RunError(
            f"the axis {axis!r} names the checkpoint {missing[0]!r}, which was not evaluated; evaluated are "
            f"{', '.join(map(repr, cells)) or 'none'}. Resume the run so that it is, or take it out of the axis"
        )
    return adjusted([found for train in (BASE, *trains) for found in cells.get(train, [])])


def _ordered(row: _Row, base: _Row) -> list[tuple[Place, Evidence]]:
    """The cells of one checkpoint in base's order, so that every row of a table has the same columns."""
    columns = [place for place in base if place in row] + [place for place in row if place not in base]
    return [(place, row[place]) for place in columns]


def _role(data: StudyData, train: str, environment: str) -> Role:
    if train == BASE:
        return "base"
    return "held-in" if environment in {name for name, _ in _trained_on(data, train)} else "held-out"


def _trained_on(data: StudyData, train: str) -> frozenset[Place]:
    if train == BASE:
        return frozenset()
    if train not in data.trained_on:
        raise RunError(
            f"the study does not say on which tasks the checkpoint {train!r} was trained; known are "
            f"{', '.join(map(repr, data.trained_on)) or 'none'}. Its run folder is incomplete: resume the run"
        )
    return data.trained_on[train]
