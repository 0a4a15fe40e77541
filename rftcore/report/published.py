"""A paper's figures beside the study's own, and what of the paper's protocol was not repeated.

The figures stand in the study's configuration; nothing here judges how close they are: another model, other tasks or
another budget explain a difference as well as a failure to replicate does, so the list of what differs comes with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from rftcore.report.figures import MISSING, mean, percent, points
from rftcore.report.listing import Value, sortable
from rftcore.report.markup import Markup, tag
from rftcore.report.matrix import every_cell
from rftcore.schemas.published import Published, PublishedFigure
from rftcore.schemas.report import Report

HEADS = ("trained on", "measured on", "what", "paper", "change", "here", "change here")
_NAMES = {"avg_at_k": "success %", "turns": "turns", "generated_tokens": "tokens"}


@dataclass(frozen=True, slots=True)
class Pair:
    """One published figure and the study's own, value and change from base; None where one of them has none."""

    published: PublishedFigure
    value: float | None
    change: float | None

    def fields(self) -> tuple[str, ...]:
        """Return the texts of `HEADS`."""
        figure = self.published
        success = figure.measure == "avg_at_k"
        shown, moved = (percent, points) if success else (mean, _signed)
        what = f"{_NAMES[figure.measure]}, {figure.note}" if figure.note else _NAMES[figure.measure]
        place = f"{figure.environment} {figure.difficulty}" if figure.difficulty else figure.environment
        return (
            figure.train,
            place,
            what,
            shown(figure.value),
            moved(figure.change),
            shown(self.value),
            moved(self.change),
        )


def published(report: Report) -> Published | None:
    """Return what the study's configuration says of a paper."""
    config: Any = report.study.get("config") or {}
    found = config.get("published")
    return None if found is None else Published.model_validate(found)


def beside(report: Report) -> list[Pair]:
    """Return every published figure with the study's own, in the configuration's order."""
    found = published(report)
    return [] if found is None else [_pair(report, figure) for figure in found.figures]


def published_section(report: Report) -> Markup | None:
    """Return the section of the page; None for a study that repeats no paper."""
    found = published(report)
    if found is None:
        return None
    rows: list[list[Value]] = [[(text, text) for text in pair.fields()] for pair in beside(report)]
    caption = f"Figures of {found.source} and of this study; success in %, changes from base in points."
    return tag(
        "section",
        tag("h2", "Beside the published figures"),
        tag("p", f"What {found.source} reports, and what this study found.", class_="question"),
        sortable(HEADS, rows, caption),
        tag("h3", "What could not be matched"),
        tag("ul", *(tag("li", text) for text in found.unmatched or ("Nothing is listed.",))),
        id="published",
    )


def _pair(report: Report, figure: PublishedFigure) -> Pair:
    if figure.environment in ("held-in", "held-out"):
        key = figure.environment.replace("-", "_")
        row: dict[str, Any] = next((row for row in report.summary if row["train"] == figure.train), {})
        return Pair(figure, row.get(key), row.get(f"{key}_delta"))
    value, base = (_measured(report, train, figure) for train in (figure.train, "base"))
    return Pair(figure, value, None if value is None or base is None or figure.train == "base" else value - base)


def _measured(report: Report, train: str, figure: PublishedFigure) -> float | None:
    values: Sequence[float | None] = [
        getattr(cell, figure.measure)
        for cell in every_cell(report)
        if cell.train == train
        and cell.environment == figure.environment
        and figure.difficulty in (None, cell.difficulty)
    ]
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _signed(value: float | None) -> str:
    return MISSING if value is None else f"{value:+.1f}"
