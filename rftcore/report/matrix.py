"""A study seen as rows and columns: checkpoints down, environment and difficulty across.

The page and the terminal draw the same matrices, so both show the same cells in the same order: checkpoints as the
report lists them with `base` first, environments as they first appear with their difficulties side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from rftcore.schemas.report import Cell, Report, StageReport

Axis = Literal["difficulty", "transfer", "sequence"]
AXES: tuple[Axis, ...] = ("difficulty", "transfer", "sequence")
GROUPS = ("trained on", "held-in", "held-out")
"""Trained on this environment and difficulty; on other difficulties of the environment only; in other environments."""
LEVEL = 0.05
"""A change counts as significant when its Holm-adjusted p value is below this."""


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """One set of fixed tasks."""

    environment: str
    difficulty: str

    def __str__(self) -> str:
        return f"{self.environment} {self.difficulty}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """The cells of one axis, and the floor and ceiling policies on the same tasks."""

    rows: tuple[str, ...]
    columns: tuple[Column, ...]
    cells: Mapping[tuple[str, Column], Cell]
    references: tuple[str, ...]
    """Names of the reference policies; their cells are in `cells` as well."""

    def column(self, column: Column) -> list[Cell]:
        """Return the cells of the checkpoints in one column, top to bottom."""
        return [self.cells[row, column] for row in self.rows if (row, column) in self.cells]


def matrix(report: Report, axis: Axis) -> Matrix:
    """Arrange one axis. `base` is added from another axis when this one does not list it."""
    own: list[Cell] = getattr(report.axes, axis)
    found = columns(own)
    base = [cell for cell in every_cell(report) if cell.role == "base" and column_of(cell) in found]
    cells = {(cell.train, column_of(cell)): cell for cell in (*base, *own)} if own else {}
    references = [cell for cell in report.references if column_of(cell) in found]
    rows = tuple(dict.fromkeys(train for train, _ in cells))
    cells |= {(cell.train, column_of(cell)): cell for cell in references}
    return Matrix(rows, found, cells, tuple(dict.fromkeys(cell.train for cell in references)))


def column_of(cell: Cell) -> Column:
    """Return the column that a cell stands in."""
    return Column(cell.environment, cell.difficulty)


def columns(cells: Iterable[Cell]) -> tuple[Column, ...]:
    """Return the columns of some cells, those of one environment side by side."""
    seen = list(dict.fromkeys(column_of(cell) for cell in cells))
    environments = list(dict.fromkeys(column.environment for column in seen))
    return tuple(sorted(seen, key=lambda column: (environments.index(column.environment), seen.index(column))))


def every_cell(report: Report) -> list[Cell]:
    """Return each checkpoint's cells once, however many axes show them.

    Holm's correction belongs to an axis, so a shared cell can have several adjusted p values: the largest is kept.
    """
    kept: dict[tuple[str, Column], Cell] = {}
    for axis in AXES:
        for cell in getattr(report.axes, axis):
            key = (cell.train, column_of(cell))
            if key not in kept or (cell.p_adjusted or 0.0) > (kept[key].p_adjusted or 0.0):
                kept[key] = cell
    return list(kept.values())


def chain(report: Report, checkpoint: str) -> list[str]:
    """Return the checkpoints from the first parent to this one; a name that no stage made stands alone."""
    stages: dict[str, StageReport] = {stage.name: stage for stage in report.stages}
    names = [checkpoint]
    while names[0] in stages and stages[names[0]].parent not in names:
        names.insert(0, stages[names[0]].parent)
    return names


def group_of(cell: Cell) -> str:
    """Return which of `GROUPS` a cell belongs to, or its role when it is base's or a reference's."""
    return "trained on" if cell.trained_on else cell.role


def significant(cell: Cell) -> bool:
    """True when the change from base holds after Holm's correction at the 5 % level."""
    return cell.p_adjusted is not None and cell.p_adjusted < LEVEL


def gained(cell: Cell) -> bool:
    """True when the cell rose from base, significantly."""
    return significant(cell) and (cell.delta_vs_base or 0.0) > 0


def beats_floor(cell: Cell) -> bool:
    """True when the cell is above random play on the same tasks, significantly after Holm's correction."""
    if cell.p_vs_floor_adjusted is None or cell.delta_vs_floor is None:
        return False
    return cell.delta_vs_floor > 0 and cell.p_vs_floor_adjusted < LEVEL


def below_limit(cell: Cell) -> bool:
    """True when the change from base is smaller than what the cell could reliably detect."""
    if cell.delta_vs_base is None or cell.minimum_detectable is None:
        return False
    return abs(cell.delta_vs_base) < cell.minimum_detectable


def detectable(cells: Iterable[Cell]) -> tuple[float, float] | None:
    """Return the smallest and largest minimum detectable difference, or None where none is known."""
    known = [cell.minimum_detectable for cell in cells if cell.minimum_detectable is not None]
    return (min(known), max(known)) if known else None
