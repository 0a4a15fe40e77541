"""How episodes failed, where a metric says so: the section of the page, and what a terminal shows of it."""

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
    modes = _modes(report)
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


def overall(report: Report) -> tuple[list[str], dict[str, list[float | None]]]:
    """Return the modes of failure, and by checkpoint the share in [0, 1] of all its episodes in which each holds."""
    modes = _modes(report)
    trains = dict.fromkeys(str(row["train"]) for row in report.failures)
    return modes, {train: [_mean(train, mode, report) for mode in modes] for train in trains}


def _mean(train: str, mode: str, report: Report) -> float | None:
    """Return a share over all cells of a checkpoint, each with the weight of its episodes."""
    cells = [(row.get(mode), row["episodes"]) for row in report.failures if row["train"] == train]
    told = [(share, weight) for share, weight in cells if isinstance(share, float) and isinstance(weight, int)]
    episodes = sum(weight for _, weight in told)
    return sum(share * weight for share, weight in told) / episodes if episodes else None


def _modes(report: Report) -> list[str]:
    return [key for key in report.failures[0] if f"{key}_ci_low" in report.failures[0]] if report.failures else []


def _share(share: object, low: object, high: object) -> Value:
    if not (isinstance(share, float) and isinstance(low, float) and isinstance(high, float)):
        return percent(None), None
    return f"{percent(share)} ({bounds(low, high)})", share
