"""Interval plots as SVG: a dot for the estimate, a line for its interval, one row each.

`interval_chart` is a panel of its own with names above the rows; `strip` is one row of a table's column, drawn on a
shared scale so that the rows of the table line up into one plot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rftcore.report.charts import Level
from rftcore.report.figures import typeset
from rftcore.report.markup import Markup, join, tag
from rftcore.report.scale import Scale, ticks

ROW = 32.0
NAME = 19.0
"""Height of a row's name within its row; lines across the rows leave it out, so that they strike through no name."""
Mark = Literal["base", "trained-on", "held-in", "held-out"]


@dataclass(frozen=True, slots=True)
class Interval:
    """One estimate with its interval; `mark` chooses the shape, so that colour alone never tells them apart."""

    name: str
    value: float
    low: float | None
    high: float | None
    mark: Mark
    tip: str = ""


def interval_chart(
    title: str, description: str, rows: Sequence[Interval], levels: Sequence[Level] = (), *, width: int = 340
) -> Markup:
    """Return a panel of fractions 0..1 in percent; levels are vertical lines named along the top."""
    across = Scale(0.0, 1.0, 10.0, width - 22.0)
    top, bottom = 22.0, 22.0 + ROW * len(rows) + 6
    grid = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = across(value)
        label = f"{100 * value:.0f}{' %' if value == 1 else ''}"
        grid.append(tag("path", d=_beside_names(x, top, bottom, len(rows)), class_="grid"))
        grid.append(tag("text", label, x=x, y=bottom + 15, class_="tick middle"))
    for level in levels:
        x = across(level.y)
        path = f"M{x:g} {top - 4:g}V{top:g}{_beside_names(x, top, bottom, len(rows))}"
        grid.append(tag("path", d=path, class_="level"))
        anchor = "start" if level.y < 0.1 else "end" if level.y > 0.9 else "middle"
        grid.append(tag("text", level.name, x=x, y=top - 9, class_=f"level-name {anchor}"))
    drawn = [
        tag(
            "g",
            tag("text", row.name, x=across.start, y=top + ROW * index + 15, class_="row-name"),
            _interval(row, across, top + ROW * index + 24),
            class_=f"mark-{row.mark}",
        )
        for index, row in enumerate(rows)
    ]
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        tag("g", *grid),
        join(drawn),
        viewBox=f"0 0 {width} {bottom + 22:g}",
        class_="chart",
        role="img",
        aria_label=f"{title}. {description}",
    )


def strip(rows: Sequence[Interval], low: float, high: float, *, width: int = 260) -> Markup:
    """Return one table row's plot of changes over low..high, with zero marked."""
    across = Scale(low, high, 8.0, width - 8.0)
    height = 14.0 * max(len(rows), 1) + 10
    lines = [
        tag("line", x1=across(x), x2=across(x), y1=0, y2=height, class_="axis" if x == 0 else "grid")
        for x in ticks(low, high)
    ]
    marks = [
        tag("g", _interval(row, across, 12.0 + 14.0 * index), class_=f"mark-{row.mark}")
        for index, row in enumerate(rows)
    ]
    label = "; ".join(row.tip for row in rows if row.tip)
    box = f"0 0 {width} {height:g}"
    return tag("svg", *lines, *marks, viewBox=box, class_="strip", role="img", aria_label=label)


def strip_scale(low: float, high: float, *, width: int = 260) -> Markup:
    """Return the head of a column of strips: the labels of its scale, in points."""
    across = Scale(low, high, 8.0, width - 8.0)
    labels = [
        tag("text", typeset(f"{100 * x:+.0f}") if x else "0", x=across(x), y=12, class_="tick middle")
        for x in ticks(low, high)
    ]
    return tag("svg", *labels, viewBox=f"0 0 {width} 16", class_="strip", aria_hidden="true")


def _beside_names(x: float, top: float, bottom: float, rows: int) -> str:
    """The path of a vertical line at `x` through the marks of all rows, interrupted at their names."""
    ends = [top + ROW * (index + 1) for index in range(rows - 1)] + [bottom]
    return "".join(f"M{x:g} {top + ROW * index + NAME:g}V{end:g}" for index, end in enumerate(ends))


def _interval(row: Interval, across: Scale, y: float) -> Markup:
    x = across(row.value)
    parts: list[Markup] = []
    if row.low is not None and row.high is not None:
        parts.append(tag("line", x1=across(row.low), x2=across(row.high), y1=y, y2=y, class_="whisker"))
    tip = row.tip or None
    if row.mark == "held-out":
        parts.append(tag("path", d=f"M{x:.6g} {y - 5.4:.6g}l5.4 5.4l-5.4 5.4l-5.4 -5.4z", class_="dot", data_tip=tip))
    elif row.mark in ("trained-on", "held-in"):
        parts.append(tag("circle", cx=x, cy=y, r=4.4, class_="dot", data_tip=tip))
    else:
        parts.append(tag("rect", x=x - 3.6, y=y - 3.6, width=7.2, height=7.2, class_="dot", data_tip=tip))
    return join(parts)
