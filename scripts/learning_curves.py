"""Runs examples/studies/learning_curves.yaml for every seed; writes docs/results/learning_curves.md and its plot.

    python scripts/learning_curves.py [--seeds 0 1 2 3 4] [--page-only]

`make results` calls it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from statistics import fmean
from typing import Any

from seeds import Record, change, hardware, interval, percent, publish

from rftcore.report.charts import COLOURS, Point, Series, line_chart
from rftcore.report.markup import Markup, tag
from rftcore.report.scale import ticks

NAME = "learning_curves"
DIFFICULTY = "easy"
KEPT = ("update", "success", "start_validation", "validation", "update_seconds", "episodes", "sampled_tokens")
"""Of an update."""

WIDTH, HEIGHT = 460, 460
STYLE = """
svg { color-scheme: light; font: 11px system-ui, sans-serif; } rect { fill: #fff; } text { fill: #555b63; }
.end { text-anchor: end; } .middle { text-anchor: middle; } .title { font-weight: 600; fill: #22262b; }
.grid { stroke: #e3e5e8; } .axis { stroke: #8d939b; } .line { fill: none; stroke: currentColor; stroke-width: 2; }
.whisker { stroke: currentColor; opacity: 0.6; } circle { fill: currentColor; } text.name { fill: currentColor; }
.series-0 { color: #0a67ad; } .series-1 { color: #c2500a; } .series-2 { color: #0b7d5c; }
.series-3 { color: #a3478a; } .series-4 { color: #7d6608; } .series-5 { color: #6d727b; }
.series-6 { color: #b3263e; } .series-7 { color: #5b4bb5; }
"""


def record(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a report: each algorithm's curve, and its success on test tasks before and after."""
    cells = {cell["train"]: cell for cell in report["axes"]["difficulty"] if cell["difficulty"] == DIFFICULTY}
    return {
        "seed": report["provenance"]["seeds"]["study"],
        "id": report["study"]["id"],
        "provenance": report["provenance"],
        "algorithms": [
            {
                "name": stage["name"].partition("(")[0],
                "curve": [{key: row[key] for key in KEPT if key in row} for row in stage["curve"]],
                "base": cells["base"]["avg_at_k"],
                "test": cells[stage["name"]]["avg_at_k"],
                "drift": stage["drift"],
            }
            for stage in report["stages"]
        ],
        "masked": report["masked"],
        "study_seconds": report["study_seconds"],
    }


def pages(records: Sequence[Record]) -> dict[str, str]:
    """Return the page and its plot, each by the name of its file."""
    return {f"{NAME}.md": page(records), f"{NAME}.svg": plot(records)}


def page(records: Sequence[Record]) -> str:
    """Return the page: a row an algorithm, means over the seeds, gains with an interval; the plot below."""
    seeds = ", ".join(str(record["seed"]) for record in records)
    rows = [_row(same) for same in _by_algorithm(records)]
    masked = sum(record["masked"] for record in records)
    drift = sum(one["drift"] for record in records for one in record["algorithms"])
    lines = [
        "# Learning curves of the algorithms",
        "",
        "What `examples/studies/learning_curves.yaml` found: each algorithm fine-tunes the embedded policy "
        "`rftcore/tiny` on easy tasks of TextCraft, with the same tasks, budget and learning rate, and its own default "
        "options. `imitation` imitates the expert, `own_successes` one success of the policy itself a task.",
        "",
        "The budget and the learning rate were chosen with another seed, on train tasks. After 30 updates of seed 0 "
        "two settings were changed with that other seed, because what they gave hardly rose: the baseline of "
        "`reinforce`, and `per_task` of `own_successes`. So seed 0 is not untouched by that choice. Seeds 3 and 4 were "
        "added, their number fixed before they ran, when intervals over three seeds left some gains undecided.",
        "",
        f"`make results` regenerates this page. Seeds: {seeds}, on {hardware(records[0])}. Success in %. Gains are in "
        "points, with the 95 % interval of Student's t over the seeds (training noise included): on validation tasks, "
        "which are train tasks that are not drawn, and on test tasks.",
        "",
        "| algorithm | start | end | gain | test: base | end | gain | seconds an update | sampled tokens |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        _verdict(records),
        "",
        f"![Success on validation tasks against updates and against seconds]({NAME}.svg)",
        "",
        "Success on validation tasks; a line is the mean over the seeds, a whisker reaches from the lowest to the "
        "highest of them. Seconds are those that rollouts and learning took on one core, beside whatever else ran.",
        "",
        f"Samples lost to failures of the machine: {masked}. Tokens of doubtful provenance: {drift}.",
        "",
    ]
    return "\n".join(lines)


def plot(records: Sequence[Record]) -> str:
    """Return the plot as SVG: validation success against updates and against seconds, a line an algorithm."""
    made = _by_algorithm(records)
    panels = [
        _panel(made, "Success (%) against updates", lambda rows: [row["update"] + 1.0 for row in rows]),
        _panel(made, "Success (%) against seconds", lambda rows: list(accumulate(r["update_seconds"] for r in rows))),
    ]
    placed = [tag("svg", panel, x=index * WIDTH, width=WIDTH, height=HEIGHT) for index, panel in enumerate(panels)]
    size = {"width": 2 * WIDTH, "height": HEIGHT}
    whole = tag("svg", tag("style", STYLE), tag("rect", **size), *placed, xmlns="http://www.w3.org/2000/svg", **size)
    return f"{whole}\n"


def _by_algorithm(records: Sequence[Record]) -> list[list[Mapping[str, Any]]]:
    """Return, for each algorithm, what each seed found of it."""
    return [list(same) for same in zip(*(record["algorithms"] for record in records), strict=True)]


def _verdict(records: Sequence[Record]) -> str:
    """Say for which algorithms success rises beyond doubt, and for which it does not."""
    if len(records) < 2:
        return "One seed gives no interval."
    made = _by_algorithm(records)
    told = []
    for where, gains in (("validation", _validation_gains), ("test", _test_gains)):
        doubtful = [same[0]["name"] for same in made if interval(gains(same))[0] <= 0]
        risen = f"{len(made) - len(doubtful)} of {len(made)} algorithms"
        told.append(f"on {where} tasks for {risen}" + (f" (not for {', '.join(doubtful)})" if doubtful else ""))
    return f"Success rises, with an interval above zero, {' and '.join(told)}."


def _row(same: Sequence[Mapping[str, Any]]) -> str:
    scores = [_levels(one) for one in same]
    curves = [one["curve"] for one in same]
    cells = [
        same[0]["name"],
        percent(fmean(of_seed[0] for of_seed in scores)),
        percent(fmean(of_seed[-1] for of_seed in scores)),
        change(_validation_gains(same)),
        percent(fmean(one["base"] for one in same)),
        percent(fmean(one["test"] for one in same)),
        change(_test_gains(same)),
        f"{fmean(row['update_seconds'] for curve in curves for row in curve):.1f}",
        f"{fmean(sum(row['sampled_tokens'] for row in curve) for curve in curves):,.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _levels(one: Mapping[str, Any]) -> list[float]:
    """Return the validation scores of one seed, the start's first."""
    return [y for _, y in _scores(one, [0.0] * len(one["curve"]))]


def _validation_gains(same: Sequence[Mapping[str, Any]]) -> list[float]:
    return [levels[-1] - levels[0] for levels in map(_levels, same)]


def _test_gains(same: Sequence[Mapping[str, Any]]) -> list[float]:
    return [one["test"] - one["base"] for one in same]


def _scores(one: Mapping[str, Any], behind: Sequence[float]) -> list[tuple[float, float]]:
    """Return the validation scores of one seed as (x, y): at 0 the start's, then where `behind` says of its row."""
    curve = one["curve"]
    after = [(x, row["validation"]) for x, row in zip(behind, curve, strict=True) if "validation" in row]
    return [(0.0, curve[0]["start_validation"]), *after]


def _panel(
    made: Sequence[Sequence[Mapping[str, Any]]],
    title: str,
    behind: Callable[[Sequence[Mapping[str, Any]]], list[float]],
) -> Markup:
    lines = []
    for index, same in enumerate(made):
        points = []
        for at in zip(*(_scores(one, behind(one["curve"])) for one in same), strict=True):
            values = [y for _, y in at]
            points.append(Point(fmean(x for x, _ in at), fmean(values), min(values), max(values)))
        lines.append(Series(same[0]["name"], points, index, index // COLOURS))
    lowest = math.floor(10 * min(point.low or 0.0 for line in lines for point in line.points)) / 10
    furthest = max(line.points[-1].x for line in lines)
    marks = [(x, f"{x:g}") for x in ticks(0.0, furthest) if x <= furthest]
    text = "; ".join(f"{o.name} {percent(o.points[0].y)} to {percent(o.points[-1].y)}" for o in lines)
    heading = tag("text", title, x=WIDTH / 2, y=16, class_="title middle")
    ends = [*marks, (furthest, "")]
    chart = line_chart(title, text, lines, ends, width=WIDTH, height=HEIGHT - 24, lowest=lowest)
    return Markup(f"{heading}{tag('svg', chart, y=24, width=WIDTH, height=HEIGHT - 24)}")


if __name__ == "__main__":
    sys.exit(publish(NAME, record, pages, __doc__, seeds=5))
