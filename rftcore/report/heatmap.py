"""The matrix of an axis as a table whose cells are coloured by their change from base.

Colour tells the size of the change (blue up, orange down; a fixed scale, so that noise stays pale), an asterisk tells
that it is significant, a caret that it holds against random play too, a ring that the checkpoint was trained on just
this, a dashed one that it was trained on another difficulty of the environment. Each cell is a button that opens its
trajectories. Below the checkpoints stand the floor and the ceiling, and what each column could detect at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby

from rftcore.report.figures import bounds, percent, points, probability, signed_bounds, typeset
from rftcore.report.markup import Markup, join, tag
from rftcore.report.matrix import (
    Column,
    Matrix,
    beats_floor,
    below_limit,
    column_of,
    detectable,
    gained,
    significant,
)
from rftcore.schemas.report import Cell

STEPS = 10
FULL = 0.5
"""The change, as a fraction, from which on a cell has the full colour."""


def heatmap(matrix: Matrix, anchors: Mapping[tuple[str, Column], str], caption: str) -> Markup:
    """Return the table. `anchors` names the evidence that a click on a cell opens."""
    head = (
        tag("tr", tag("th", "Trained on", scope="col", rowspan=2, class_="corner"), _environments(matrix)),
        tag("tr", *(tag("th", column.difficulty, scope="col") for column in matrix.columns)),
    )
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", *head),
        tag("tbody", *(_row(matrix, row, anchors) for row in matrix.rows)),
        tag("tbody", *(_row(matrix, row, anchors) for row in matrix.references), _limits(matrix), class_="references"),
        class_="heat",
    )
    return join([tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption), _legend()])


def checkpoint_name(name: str) -> Markup:
    """Return a checkpoint's name that may break after each part."""
    return join(re.split(r"(?<=[>+:])", name), Markup("<wbr>"))


def described(cell: Cell) -> str:
    """Return a cell's figures as one sentence, for those who hear or hover it."""
    text = f"{cell.train} on {column_of(cell)}: {percent(cell.avg_at_k)} % success"
    if cell.ci_low is not None:
        text += f" (95 % interval {bounds(cell.ci_low, cell.ci_high)})"
    if cell.delta_vs_base is not None:
        text += f", {points(cell.delta_vs_base)} points from base"
        if cell.delta_ci_low is not None:
            text += f" ({signed_bounds(cell.delta_ci_low, cell.delta_ci_high)})"
        text += f", Holm-adjusted p {probability(cell.p_adjusted)}"
        text += ", significant" if significant(cell) else ", not significant"
        text += f", smallest detectable change {percent(cell.minimum_detectable)} points"
        text += " (this change is smaller)" if below_limit(cell) else ""
    if cell.delta_vs_floor is not None:
        text += f", {points(cell.delta_vs_floor)} points from random play"
        text += f" ({signed_bounds(cell.delta_vs_floor_ci_low, cell.delta_vs_floor_ci_high)})"
    if cell.role in ("held-in", "held-out"):
        text += f", {cell.role}, {'' if cell.trained_on else 'not '}trained on this difficulty"
    text += f", {cell.masked} samples masked" if cell.masked else ""
    return typeset(text)


def signs(cell: Cell) -> str:
    """Return `*` for a significant change from base, `*^` for such a gain that holds against random play too."""
    return ("*" if significant(cell) else "") + ("^" if gained(cell) and beats_floor(cell) else "")


def shade(change: float | None) -> str:
    """Return the classes that colour a change: `gain s3`, `loss s10`; nothing for none."""
    if change is None:
        return ""
    step = min(STEPS, round(abs(change) / FULL * STEPS))
    return f"{'gain' if change > 0 else 'loss'} s{step}" if step else ""


def _environments(matrix: Matrix) -> Markup:
    groups = groupby(matrix.columns, key=lambda column: column.environment)
    return join(tag("th", name, scope="colgroup", colspan=len(list(group))) for name, group in groups)


def _row(matrix: Matrix, row: str, anchors: Mapping[tuple[str, Column], str]) -> Markup:
    cells = []
    for column in matrix.columns:
        cell = matrix.cells.get((row, column))
        if cell is None:
            cells.append(tag("td", typeset("-"), class_="absent"))
            continue
        kind = "own" if cell.trained_on else "near" if cell.role == "held-in" else ""
        cells.append(
            tag("td", _button(cell, anchors[row, column]), class_=f"{kind} {shade(_change(cell))}".strip() or None)
        )
    return tag("tr", tag("th", checkpoint_name(row), scope="row"), *cells)


def _button(cell: Cell, anchor: str) -> Markup:
    sure = significant(cell)
    change = None
    if _change(cell) is not None:
        text = typeset(points(cell.delta_vs_base)) + signs(cell)
        change = tag("span", text, class_="change sure" if sure else "change")
    return tag(
        "button",
        tag("span", percent(cell.avg_at_k), class_="score"),
        change,
        tag("span", _range(cell), class_="range"),
        type="button",
        data_cell=anchor,
        data_tip=described(cell),
        aria_label=f"{described(cell)}. Show trajectories",
        aria_haspopup="dialog",
    )


def _change(cell: Cell) -> float | None:
    """The change that is drawn: none for the floor and the ceiling, which nobody trained."""
    return None if cell.role == "reference" else cell.delta_vs_base


def _range(cell: Cell) -> str:
    return bounds(cell.ci_low, cell.ci_high).replace(" to ", "\u2013") if cell.ci_low is not None else ""


def _limits(matrix: Matrix) -> Markup:
    cells = []
    for column in matrix.columns:
        limits = detectable(matrix.column(column))
        if limits is None:
            cells.append(tag("td", typeset("-")))
            continue
        low, high = (percent(limit) for limit in limits)
        cells.append(tag("td", low if low == high else f"{low}\u2013{high}"))
    name = tag("th", "detectable change", scope="row", data_tip="Smallest change from base detected with 80 % power")
    return tag("tr", name, *cells, class_="limits")


def _legend() -> Markup:
    steps = [
        *(("loss", step) for step in (10, 8, 6, 4, 2)),
        ("", 0),
        *(("gain", step) for step in (2, 4, 6, 8, 10)),
    ]
    swatches = [tag("i", class_=f"swatch {side} s{step}") for side, step in steps]
    unit = f"{100 * FULL:.0f}"
    scale = tag("span", f"\u2212{unit}", *swatches, f"+{unit} points from base", class_="key", aria_hidden="true")
    return tag(
        "p",
        scale,
        tag("span", tag("b", "74.2"), " success in %", class_="key"),
        tag("span", tag("b", "+31.0*"), " significant after Holm\u2019s correction (5 %)", class_="key"),
        tag("span", tag("b", "*^"), " and above random play, significantly too", class_="key"),
        tag("span", "66\u201381 is the 95 % interval", class_="key"),
        tag("span", tag("i", class_="swatch own"), " trained on this environment and difficulty", class_="key"),
        tag("span", tag("i", class_="swatch near"), " held-in: trained on its other difficulty only", class_="key"),
        tag("span", "click a cell to read its trajectories", class_="key"),
        class_="legend",
    )
