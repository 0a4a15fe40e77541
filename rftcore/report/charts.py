"""Line charts as SVG: learning curves and forgetting curves.

Pure functions from values to markup. Colours and dashes are classes of the page's style sheet (`series-0`, `dash-1`),
so that a chart follows light, dark and print; every series has its name at its end, so that none needs a legend, and
every chart has a title and a description for those who do not see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rftcore.report.markup import Markup, join, tag
from rftcore.report.scale import Scale, ticks

COLOURS = 8
"""Series colours in the style sheet; more series start again with another dash."""
LINE_HEIGHT = 13.0
PADDING = 10.0
LEFT = 46.0 + PADDING


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series, with the interval around it when there is one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name stands at its end; colour and dash are classes of the style sheet."""

    name: str
    points: Sequence[Point]
    colour: int = 0
    dash: int = 0
    faint: bool = False
    """Pale dots without line and name: the raw values behind a smoothed line."""


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line across the chart, such as the random policy's score."""

    name: str
    y: float


def line_chart(
    title: str,
    description: str,
    series: Sequence[Series],
    x_ticks: Sequence[tuple[float, str]],
    levels: Sequence[Level] = (),
    *,
    width: int = 380,
    height: int = 230,
    margin_right: int = 120,
    lowest: float = 0.0,
) -> Markup:
    """Return a chart of fractions `lowest`..1, labelled in percent, over the range of `x_ticks`.

    Series are spread a little to the sides where they carry intervals, so that whiskers do not hide each other.
    """
    positions = [x for x, _ in x_ticks]
    across = Scale(min(positions, default=0.0), max(positions, default=1.0), LEFT, width - margin_right)
    up = Scale(lowest, 1.0, height - 40.0, 12.0)
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        _grid(across, up, x_ticks),
        join(_level(level, across, up) for level in levels),
        join(_series(one, across, up, _offset(index, len(series))) for index, one in enumerate(series)),
        _names(series, across, up),
        viewBox=f"0 0 {width} {height}",
        class_="chart",
        role="img",
        aria_label=f"{title}. {description}",
    )


def update_ticks(updates: Sequence[float]) -> list[tuple[float, str]]:
    """Return tick places and labels for a learning curve; its first and last update are always among them."""
    if not updates:
        return []
    low, high = min(updates), max(updates)
    step = (high - low) / 5
    inner = [tick for tick in ticks(low, high) if low + step / 2 < tick < high - step / 2 and tick == int(tick)]
    return [(x, f"{x:g}") for x in dict.fromkeys([low, *inner, high])]


def trailing_mean(values: Sequence[float], window: int) -> list[float]:
    """Return, for each value, the mean of it and of up to `window - 1` values before it.

    Example: `trailing_mean([1, 2, 6], 2)` is [1, 1.5, 4].
    """
    parts = [values[max(0, end - window) : end] for end in range(1, len(values) + 1)]
    return [sum(part) / len(part) for part in parts]


def _grid(across: Scale, up: Scale, x_ticks: Sequence[tuple[float, str]]) -> Markup:
    left, right = across.start - PADDING, across.end + PADDING
    rows = []
    for quarter in range(5):
        value = up.low + quarter / 4 * (up.high - up.low)
        y = up(value)
        rows.append(tag("line", x1=left, x2=right, y1=y, y2=y, class_="grid" if quarter else "axis"))
        unit = " %" if quarter == 4 else ""
        rows.append(tag("text", f"{100 * value:.0f}{unit}", x=left - 6, y=y + 4, class_="tick end"))
    for value, label in x_ticks:
        x = across(value)
        rows.append(tag("line", x1=x, x2=x, y1=up.start, y2=up.start + 4, class_="axis"))
        rows.append(_tick_label(x, up.start + 17, label))
    return tag("g", *rows)


def _tick_label(x: float, y: float, label: str) -> Markup:
    """A label of up to two lines, broken after `>` or where it says."""
    lines = label.split("\n")
    spans = [tag("tspan", line, x=x, dy=0 if index == 0 else LINE_HEIGHT) for index, line in enumerate(lines)]
    return tag("text", *spans, x=x, y=y, class_="tick middle")


def _level(level: Level, across: Scale, up: Scale) -> Markup:
    y = up(level.y)
    return tag(
        "g",
        tag("line", x1=across.start - PADDING, x2=across.end + PADDING, y1=y, y2=y, class_="level"),
        tag("text", level.name, x=across.end + PADDING, y=y - 4, class_="level-name end"),
    )


def _series(series: Series, across: Scale, up: Scale, offset: float) -> Markup:
    has_intervals = any(point.low is not None for point in series.points)
    shift = offset if has_intervals else 0.0
    places = [(across(point.x) + shift, up(point.y), point) for point in series.points]
    path = " ".join(f"{x:.6g},{y:.6g}" for x, y, _ in places)
    parts = [] if series.faint else [tag("polyline", points=path, class_="line")]
    for x, y, point in places:
        if point.low is not None and point.high is not None:
            parts.append(tag("line", x1=x, x2=x, y1=up(point.low), y2=up(point.high), class_="whisker"))
        if point.tip:
            parts.append(tag("circle", cx=x, cy=y, r=3.2 if has_intervals else 1.8, data_tip=point.tip))
    kind = f"series-{series.colour % COLOURS} dash-{series.dash % 3}"
    return tag("g", *parts, class_=f"{kind} faint" if series.faint else kind)


def _names(series: Sequence[Series], across: Scale, up: Scale) -> Markup:
    named = sorted(
        ((up(one.points[-1].y), one) for one in series if one.points and not one.faint), key=lambda pair: pair[0]
    )
    places = _spread([y for y, _ in named], up.end, up.start)
    return join(
        tag("text", one.name, x=across.end + PADDING + 4, y=y + 4, class_=f"name series-{one.colour % COLOURS}")
        for y, (_, one) in zip(places, named, strict=True)
    )


def _spread(places: Sequence[float], top: float, bottom: float) -> list[float]:
    """Move sorted places apart to at least a line's height, as little as needed and within top..bottom if possible."""
    spread: list[float] = []
    for place in places:
        spread.append(max(place, spread[-1] + LINE_HEIGHT) if spread else max(place, top))
    limit = bottom
    for index in range(len(spread) - 1, -1, -1):
        spread[index] = min(spread[index], limit)
        limit = spread[index] - LINE_HEIGHT
    return spread


def _offset(index: int, total: int) -> float:
    return (index - (total - 1) / 2) * 3.0
