"""The section of the page on how episodes failed, where a metric says so."""

from __future__ import annotations

from rftcore.report.figures import bounds, percent
from rftcore.report.listing import Value, details, sortable
from rftcore.report.markup import Markup, tag
from rftcore.schemas.report import Report

ABOUT = (
    "The share of all episodes, in %, in which a rule found a mode of failure, with its 95 % interval. Several may "
    "hold of one episode, and none of a success. How far the rules agree with labels by hand is in the documentation."
)
PLACE = ("train", "environment", "difficulty", "episodes")


def failure_section(report: Report) -> Markup | None:
    """Return a table with a row for each cell of a model and a column for each mode; None without any."""
    if not report.failures:
        return None
    modes = [key for key in report.failures[0] if f"{key}_ci_low" in report.failures[0]]
    heads = ("trained on", *PLACE[1:], *(mode.replace("_", " ") for mode in modes))
    rows: list[list[Value]] = []
    for row in report.failures:
        place: list[Value] = [(str(row[key]), str(row[key])) for key in PLACE]
        rows.append([*place, *(_share(row.get(mode), row[f"{mode}_ci_low"], row[f"{mode}_ci_high"]) for mode in modes)])
    return tag(
        "section",
        tag("h2", "How episodes failed"),
        tag("p", ABOUT, class_="question"),
        details("Every mode in every cell", sortable(heads, rows, "Modes of failure, in % of all episodes")),
        id="failures",
    )


def _share(share: object, low: object, high: object) -> Value:
    if not (isinstance(share, float) and isinstance(low, float) and isinstance(high, float)):
        return percent(None), None
    return f"{percent(share)} ({bounds(low, high)})", share
