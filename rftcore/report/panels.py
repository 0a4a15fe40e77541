"""Which charts a study has: scores by task set, learning curves, forgetting curves, means of held-in and held-out.

Chooses the values and the words; `charts` and `intervals` draw them. Every chart has the floor and the ceiling on it
where the study measured them, and a caption that says what a point is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rftcore.report.charts import Level, Point, Series, line_chart, trailing_mean, update_ticks
from rftcore.report.figures import at_most, bounds, percent, points, signed_bounds, typeset
from rftcore.report.heatmap import checkpoint_name, described
from rftcore.report.intervals import Interval, Mark, interval_chart, strip, strip_scale
from rftcore.report.markup import Markup, join, tag
from rftcore.report.matrix import Axis, Column, Matrix, chain, column_of, columns, every_cell, group_of
from rftcore.schemas.report import Cell, Report, StageReport

WINDOW = 5
"""Updates that the thick line of a learning curve averages over."""


def scores(arranged: Matrix) -> Markup:
    """Return one interval panel a column: every checkpoint's score, with floor and ceiling."""
    panels = []
    for column in arranged.columns:
        rows = [_interval(cell) for cell in arranged.column(column) if cell.avg_at_k is not None]
        title = f"Success on {column}"
        chart = interval_chart(title, _listed(rows), rows, _levels(arranged, column))
        panels.append(_figure(str(column), chart))
    return tag("div", *panels, class_="panels narrow")


def forgetting(report: Report, axis: Axis) -> Markup | None:
    """Return one chart for each chain of two or more stages on this axis, or None when it has none."""
    cells = {(cell.train, column_of(cell)): cell for cell in every_cell(report)}
    names = dict.fromkeys(cell.train for cell in getattr(report.axes, axis))
    chains = [links for links in (chain(report, name) for name in names) if len(links) > 2]
    inner = [links for links in chains if any(links == other[: len(links)] for other in chains if other is not links)]
    panels = [_chain(links, cells) for links in chains if links not in inner]
    return tag("div", *panels, class_="panels") if panels else None


def learning(stages: Sequence[StageReport]) -> Markup:
    """Return one small chart a stage: success in training by update, and the groups that taught nothing."""
    return tag("div", *(_stage(stage) for stage in stages), class_="panels narrow")


def means(summary: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the table of mean success and change, held-in and held-out, with a column that plots both changes.

    A row has `train` and, for `held_in` and `held_out`, the mean success under that name and the mean change under
    `held_in_delta`, with `_ci_low` and `_ci_high` of either; a figure that is missing or None is a dash.
    """
    entries = [(row, _mean(row, "held_in", "held-in"), _mean(row, "held_out", "held-out")) for row in summary]
    marks = [mark for _, *both in entries for mark in both if mark is not None]
    edges = [edge for mark in marks for edge in (mark.value, mark.low, mark.high) if edge is not None]
    low, high = min([*edges, -0.1]) - 0.02, max([*edges, 0.1]) + 0.02
    head = tag(
        "tr",
        tag("th", "checkpoint", scope="col"),
        tag("th", "held-in %", scope="col"),
        tag("th", tag("i", class_="mark held-in"), " change", scope="col"),
        tag("th", "held-out %", scope="col"),
        tag("th", tag("i", class_="mark held-out"), " change", scope="col"),
        tag("th", strip_scale(low, high), scope="col", aria_label="plot of both, in points", class_="plot"),
    )
    body = [
        tag(
            "tr",
            tag("th", checkpoint_name(str(row["train"])), scope="row"),
            tag("td", typeset(percent(_number(row, "held_in"))), data_label="held-in %"),
            tag("td", _change(held_in), data_label="change"),
            tag("td", typeset(percent(_number(row, "held_out"))), data_label="held-out %"),
            tag("td", _change(held_out), data_label="change"),
            tag("td", strip([mark for mark in (held_in, held_out) if mark], low, high), class_="plot"),
        )
        for row, held_in, held_out in entries
    ]
    caption = tag("caption", "Mean success in %, and mean change from base in points with its 95 % interval")
    return tag("table", caption, tag("thead", head), tag("tbody", *body), class_="means")


def _interval(cell: Cell) -> Interval:
    marks: dict[str, Mark] = {"trained on": "trained-on", "held-in": "held-in", "held-out": "held-out"}
    mark = marks.get(group_of(cell), "base")
    return Interval(cell.train, cell.avg_at_k or 0.0, cell.ci_low, cell.ci_high, mark, described(cell))


def _levels(arranged: Matrix, column: Column) -> list[Level]:
    found = ((name, arranged.cells.get((name, column))) for name in arranged.references)
    return [Level(name, cell.avg_at_k) for name, cell in found if cell is not None and cell.avg_at_k is not None]


def _listed(rows: Sequence[Interval]) -> str:
    return "; ".join(f"{row.name} {percent(row.value)} % ({bounds(row.low, row.high)})" for row in rows)


def _chain(links: Sequence[str], cells: Mapping[tuple[str, Column], Cell]) -> Markup:
    across = columns([cell for (name, _), cell in cells.items() if name in links])
    environments = list(dict.fromkeys(column.environment for column in across))
    difficulties = list(dict.fromkeys(column.difficulty for column in across))
    series = []
    for column in across:
        found = [(x, cells[name, column]) for x, name in enumerate(links) if (name, column) in cells]
        dots = [
            Point(float(x), cell.avg_at_k, cell.ci_low, cell.ci_high, described(cell))
            for x, cell in found
            if cell.avg_at_k is not None
        ]
        colour, dash = environments.index(column.environment), difficulties.index(column.difficulty)
        series.append(Series(str(column), dots, colour, dash))
    ticks = [(float(x), _step(links, x)) for x in range(len(links))]
    text = "; ".join(
        f"{one.name}: {' then '.join(percent(point.y) for point in one.points)} %" for one in series if one.points
    )
    chart = line_chart(f"Scores along {links[-1]}", text, series, ticks, width=400, height=260)
    return _figure(" \u2192 ".join(_step(links, x) for x in range(len(links))), chart)


def _step(links: Sequence[str], index: int) -> str:
    """What the checkpoint adds to the one before: `babyai` for `textcraft>babyai` after `textcraft`."""
    return links[index].removeprefix(f"{links[index - 1]}>") if index else links[index]


def _stage(stage: StageReport) -> Markup:
    success = _points(stage.curve, "success")
    shown = "demonstrated_tokens" in stage.budget
    smooth = trailing_mean([point.y for point in success], WINDOW)
    scores = _points(stage.curve, "start_validation") + _points(stage.curve, "validation", behind=1)
    wasted = [] if shown else _points(stage.curve, "zero_variance")
    name = "demonstrated" if shown else "success"
    series = [
        Series(name, success, faint=True),
        Series(name, [Point(raw.x, mean) for raw, mean in zip(success, smooth, strict=True)]),
        Series("validation", scores, colour=2),
        Series("no variance", [Point(point.x, point.y) for point in wasted], colour=5, dash=1),
    ]
    ends = f"{percent(smooth[0])} % at first, {percent(smooth[-1])} % at the end" if smooth else "not recorded"
    chart = line_chart(
        f"Training of {stage.name}",
        f"Success {'of the demonstrations' if shown else 'in training'} by update: {ends}",
        [one for one in series if one.points],
        update_ticks([point.x for point in (*success, *scores)]),
        width=340,
        height=190,
        margin_right=84,
    )
    budget = ", ".join(
        f"{value:,} {key.replace('_', ' ')}" for key, value in stage.budget.items() if isinstance(value, int | float)
    )
    audit = None if stage.sampler_gap is None else f"sampler and learner agree to {at_most(stage.sampler_gap)}"
    return _figure(stage.name, chart, "; ".join(filter(None, (f"from {stage.parent}", budget, audit))))


def _points(curve: Sequence[Mapping[str, Any]], key: str, behind: int = 0) -> list[Point]:
    """The rows of a curve that have a number under `key`, in the order of their updates.

    A policy stands where as many updates are behind it: what an update plays is before it, `behind` 0.
    """
    found = [(row.get("update"), row.get(key)) for row in curve]
    return [
        Point(float(x + behind), float(y), tip=f"after {x + behind:g} updates: {percent(float(y))} %")
        for x, y in found
        if isinstance(x, int | float) and isinstance(y, int | float)
    ]


def _figure(title: str, chart: Markup, note: str = "") -> Markup:
    caption = tag("figcaption", tag("b", title), tag("span", note) if note else None)
    return tag("figure", caption, chart)


def _mean(row: Mapping[str, Any], key: str, mark: Mark) -> Interval | None:
    value = _number(row, f"{key}_delta")
    if value is None:
        return None
    low, high = _number(row, f"{key}_delta_ci_low"), _number(row, f"{key}_delta_ci_high")
    text = f"{mark} {points(value)} points ({signed_bounds(low, high)})"
    return Interval(str(row["train"]), value, low, high, mark, typeset(text))


def _number(row: Mapping[str, Any], key: str) -> float | None:
    value = row.get(key)
    return float(value) if isinstance(value, int | float) else None


def _change(mark: Interval | None) -> Markup:
    if mark is None:
        return Markup(typeset("-"))
    interval = typeset(signed_bounds(mark.low, mark.high))
    return join([tag("b", typeset(points(mark.value))), " ", tag("span", interval, class_="range")])
