"""Drawings put values where they belong; places are computed by hand."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

from rftcore.report.charts import Level, Point, Series, line_chart, trailing_mean, update_ticks
from rftcore.report.intervals import Interval, interval_chart, strip
from rftcore.report.markup import Markup
from rftcore.report.scale import Scale, ticks


def parsed(markup: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


def drawn(root: ElementTree.Element, name: str, kind: str) -> list[ElementTree.Element]:
    return [element for element in root.iter(name) if kind in (element.get("class") or "").split()]


def test_a_scale_is_linear_and_keeps_to_its_ends() -> None:
    down = Scale(0.0, 1.0, 100.0, 0.0)
    assert [down(0.0), down(0.25), down(1.0), down(1.7), down(-3.0)] == [100.0, 75.0, 0.0, 0.0, 100.0]


def test_a_scale_of_one_value_puts_it_in_the_middle() -> None:
    assert Scale(3.0, 3.0, 0.0, 10.0)(3.0) == 5.0


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (-0.1, 0.6, 6, [0.0, 0.2, 0.4, 0.6]),
        (0.0, 17.0, 5, [0.0, 5.0, 10.0, 15.0]),
        (1.0, 24.0, 6, [5.0, 10.0, 15.0, 20.0]),
        (0.0, 1.0, 6, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (2.0, 2.0, 6, [2.0]),
    ],
)
def test_ticks_are_round_numbers_inside_the_range(low: float, high: float, most: int, expected: list[float]) -> None:
    assert ticks(low, high, most) == pytest.approx(expected)


@pytest.mark.parametrize("high", [0.003, 0.19, 1.0, 7.3, 42.0, 999.0])
@pytest.mark.parametrize("most", [2, 3, 5, 8])
def test_there_are_never_more_ticks_than_asked_for(high: float, most: int) -> None:
    assert 1 <= len(ticks(0.0, high, most)) <= most


def test_updates_are_labelled_with_the_first_the_last_and_whole_numbers_between() -> None:
    assert update_ticks([float(x) for x in range(1, 25)]) == [
        (1.0, "1"), (5.0, "5"), (10.0, "10"), (15.0, "15"), (20.0, "20"), (24.0, "24"),
    ]  # fmt: skip
    assert update_ticks([3.0]) == [(3.0, "3")]
    assert update_ticks([]) == []


def test_the_trailing_mean_looks_back_and_never_ahead() -> None:
    assert trailing_mean([1.0, 2.0, 6.0, 0.0], 2) == [1.0, 1.5, 4.0, 3.0]


def test_a_line_goes_through_its_values() -> None:
    points = [Point(0.0, 0.0), Point(1.0, 0.5), Point(2.0, 1.0)]
    root = parsed(
        line_chart("T", "D", [Series("s", points)], [(0.0, "a"), (2.0, "b")], width=276, height=140, margin_right=20)
    )
    (line,) = drawn(root, "polyline", "line")
    assert line.get("points") == "56,100 156,56 256,12"


def test_whiskers_span_the_interval_and_stand_apart_for_two_series() -> None:
    def series(name: str) -> Series:
        return Series(name, [Point(0.0, 0.5, 0.25, 0.75), Point(1.0, 0.5, 0.5, 0.5)])

    root = parsed(line_chart("T", "D", [series("a"), series("b")], [(0.0, ""), (1.0, "")], height=140))
    whiskers = drawn(root, "line", "whisker")
    assert [float(whiskers[0].get("y1") or 0), float(whiskers[0].get("y2") or 0)] == [78.0, 34.0]
    assert float(whiskers[2].get("x1") or 0) - float(whiskers[0].get("x1") or 0) == pytest.approx(3.0)


def test_names_at_the_end_of_lines_never_overlap() -> None:
    series = [Series(f"s{index}", [Point(0.0, 0.0), Point(1.0, 0.01 * index)]) for index in range(8)]
    root = parsed(line_chart("T", "D", series, [(0.0, ""), (1.0, "")], height=230))
    places = sorted(float(name.get("y") or 0) for name in drawn(root, "text", "name"))
    assert len(places) == 8
    assert min(second - first for first, second in pairwise(places)) >= 13.0 - 1e-9
    assert places[-1] <= 230


def test_levels_are_drawn_at_their_height_with_their_name() -> None:
    root = parsed(line_chart("T", "D", [], [(0.0, "")], [Level("oracle", 1.0)], height=140))
    (level,) = drawn(root, "line", "level")
    assert float(level.get("y1") or 0) == 12.0
    assert [text.text for text in drawn(root, "text", "level-name")] == ["oracle"]


def test_a_chart_has_a_title_a_description_and_escapes_names() -> None:
    root = parsed(line_chart("A <b>", "says & more", [Series("<x>", [Point(0.0, 0.5)])], [(0.0, "t<")]))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "A <b>. says & more"
    assert [element.text for element in root if element.tag in ("title", "desc")] == ["A <b>", "says & more"]
    assert "<x>" in [text.text for text in drawn(root, "text", "name")]


def test_intervals_are_drawn_to_scale_with_a_shape_for_each_role() -> None:
    rows = [
        Interval("a", 0.5, 0.25, 0.75, "base"),
        Interval("b", 1.0, 0.5, 1.0, "held-in"),
        Interval("c", 0.0, None, None, "held-out"),
    ]
    root = parsed(interval_chart("T", "D", rows, [Level("random", 0.0)], width=232))
    whiskers = drawn(root, "line", "whisker")
    assert [(line.get("x1"), line.get("x2")) for line in whiskers] == [("60", "160"), ("110", "210")]
    assert [drawn(root, shape, "dot") != [] for shape in ("rect", "circle", "path")] == [True, True, True]
    (circle,) = drawn(root, "circle", "dot")
    assert circle.get("cx") == "210"


def test_a_strip_marks_zero_and_says_what_it_shows() -> None:
    rows = [
        Interval("a", 0.2, 0.1, 0.3, "held-in", "held-in +20.0"),
        Interval("a", -0.1, None, None, "held-out", "out"),
    ]
    root = parsed(strip(rows, -0.2, 0.4, width=316))
    (zero,) = drawn(root, "line", "axis")
    assert zero.get("x1") == "108"
    assert root.get("aria-label") == "held-in +20.0; out"


def test_no_line_across_the_rows_strikes_through_a_name() -> None:
    rows = [Interval(f"row {index}", 0.5, 0.4, 0.6, "trained-on") for index in range(4)]
    root = parsed(interval_chart("T", "D", rows, [Level("random", 0.3)]))
    names = [float(text.get("y") or 0) for text in drawn(root, "text", "row-name")]
    paths = [path.get("d") or "" for kind in ("grid", "level") for path in drawn(root, "path", kind)]
    spans = [(float(start), float(end)) for path in paths for start, end in re.findall(r" ([\d.]+)V([\d.]+)", path)]
    assert len(names) == 4
    assert len(spans) == 5 * 4 + (1 + 4)  # grid lines at five values, and the level with its tip, in four rows each
    for base in names:
        assert not any(start < base + 3 and end > base - 10 for start, end in spans)  # 11 pixel letters on this line
