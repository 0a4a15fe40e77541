"""Plain tables of the page: every figure of an axis, gains and losses of the stages, facts, provenance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rftcore.report.figures import bounds, mean, percent, points, probability, signed_bounds, typeset
from rftcore.report.heatmap import checkpoint_name, signs
from rftcore.report.markup import Markup, tag
from rftcore.report.matrix import Matrix, group_of
from rftcore.schemas.report import Cell, StageReport

Value = tuple[str, float | str | None]
"""What a field shows, and what its column is sorted by."""


def every_figure(matrix: Matrix, caption: str) -> Markup:
    """Return the sortable table of all cells of an axis, references last."""
    heads = (
        "trained on", "environment", "difficulty", "role", "avg@k %", "interval", "pass@k %", "change", "its interval",
        "p", "p Holm", "detectable", "from random", "interval from random", "p random", "p Holm random",
        "tasks", "families", "k", "turns", "tokens", "invalid %", "masked",
    )  # fmt: skip
    rows = [
        _figures(matrix.cells[row, column])
        for row in (*matrix.rows, *matrix.references)
        for column in matrix.columns
        if (row, column) in matrix.cells
    ]
    return sortable(heads, rows, caption)


def sortable(heads: Sequence[str], rows: Iterable[Sequence[Value]], caption: str) -> Markup:
    """Return a table whose heads sort it; the first field of each row is its header."""
    head = [tag("th", tag("button", head, type="button"), scope="col", aria_sort="none") for head in heads]
    body = []
    for row in rows:
        (name, key), *fields = row
        cells = [tag("th", checkpoint_name(name), scope="row", data_key=key)]
        cells += [tag("td", typeset(text), data_key="" if value is None else value) for text, value in fields]
        body.append(tag("tr", *cells))
    return _scrolled(caption, tag("tr", *head), body, "sortable")


def gains_and_losses(stages: Sequence[StageReport], limit: float | None) -> Markup:
    """Return the table of backward and forward transfer and of the largest drop, one row a stage."""
    heads = ("checkpoint", "started from", "backward", "forward", "largest drop")
    rows: list[list[Value]] = [
        [
            (stage.name, stage.name),
            (stage.parent, stage.parent),
            (points(stage.backward), stage.backward),
            (points(stage.forward), stage.forward),
            (percent(stage.largest_drop), stage.largest_drop),
        ]
        for stage in stages
    ]
    caption = (
        "What each stage gained and lost, in points, from the checkpoint it started from. Backward: mean change on "
        "what earlier stages were trained on and this one was not, by environment and difficulty (a dash where there "
        "is none). Forward: on what no stage so far was trained on. Largest drop: of any one cell."
    )
    if limit is not None:
        caption += f" Minimum detectable difference of one cell: up to {percent(limit)} points."
    return sortable(heads, rows, caption)


def facts(facts: Mapping[str, Mapping[str, Any]], caption: str) -> Markup:
    """Return the table of what is true of each environment: facts down, environments across."""
    names = list(dict.fromkeys(name for known in facts.values() for name in known))
    rows = [(name.replace("_", " "), [_value(known.get(name)) for known in facts.values()]) for name in names]
    return side_by_side(list(facts), rows, "fact", caption)


def side_by_side(
    heads: Sequence[str], rows: Sequence[tuple[str, Sequence[Markup | str]]], corner: str, caption: str
) -> Markup:
    """Return the table that sets things beside each other: a column for each of `heads`, a row for each property."""
    head = tag("tr", tag("th", corner, scope="col"), *(tag("th", name, scope="col") for name in heads))
    body = [tag("tr", tag("th", label, scope="row"), *(tag("td", value) for value in values)) for label, values in rows]
    return _scrolled(caption, head, body, "facts")


def pairs(values: Mapping[str, Any]) -> Markup:
    """Return a description list; a nested value is shown as JSON."""
    items = [tag("div", tag("dt", name.replace("_", " ")), tag("dd", _value(value))) for name, value in values.items()]
    return tag("dl", *items, class_="pairs")


def details(title: str, *content: Markup, is_open: bool = False) -> Markup:
    """Return content that is folded away until its title is clicked."""
    return tag("details", tag("summary", title), *content, open=is_open)


def source(value: Any) -> Markup:
    """Return a value as indented JSON to read."""
    return tag("pre", json.dumps(value, indent=2, ensure_ascii=False), class_="source", tabindex=0)


def _scrolled(caption: str, head: Markup, body: Sequence[Markup], kind: str) -> Markup:
    """A table that scrolls by itself where it is wider than the window, also by keyboard."""
    table = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body), class_=kind)
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _figures(cell: Cell) -> list[Value]:
    return [
        (cell.train, cell.train),
        (cell.environment, cell.environment),
        (cell.difficulty, cell.difficulty),
        (group_of(cell), group_of(cell)),
        (percent(cell.avg_at_k), cell.avg_at_k),
        (bounds(cell.ci_low, cell.ci_high), cell.ci_low),
        (percent(cell.pass_at_k), cell.pass_at_k),
        (points(cell.delta_vs_base) + signs(cell), cell.delta_vs_base),
        (signed_bounds(cell.delta_ci_low, cell.delta_ci_high), cell.delta_ci_low),
        (probability(cell.p_value), cell.p_value),
        (probability(cell.p_adjusted), cell.p_adjusted),
        (percent(cell.minimum_detectable), cell.minimum_detectable),
        (points(cell.delta_vs_floor), cell.delta_vs_floor),
        (signed_bounds(cell.delta_vs_floor_ci_low, cell.delta_vs_floor_ci_high), cell.delta_vs_floor_ci_low),
        (probability(cell.p_vs_floor), cell.p_vs_floor),
        (probability(cell.p_vs_floor_adjusted), cell.p_vs_floor_adjusted),
        (str(cell.tasks), cell.tasks),
        (str(cell.families), cell.families),
        (str(cell.k), cell.k),
        (mean(cell.turns), cell.turns),
        (mean(cell.generated_tokens), cell.generated_tokens),
        (percent(cell.invalid_rate), cell.invalid_rate),
        (str(cell.masked), cell.masked),
    ]


def _value(value: Any) -> Markup | str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return typeset("-")
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Mapping) and value and all(isinstance(item, str | int | float) for item in value.values()):
        return pairs(value)
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(str(item) for item in value) or typeset("-")
    return source(value)
