"""The first section of the page: what was found, in words, in four figures, and in one table of means."""

from __future__ import annotations

from rftcore.report.figures import count, percent, points, signed_bounds, typeset
from rftcore.report.findings import causes, findings, largest_fall, largest_gain
from rftcore.report.markup import Markup, join, tag
from rftcore.report.matrix import column_of
from rftcore.report.panels import means
from rftcore.schemas.report import Cell, Report


def opening(report: Report) -> Markup:
    """Return the section of findings."""
    first, *others = findings(report)
    return tag(
        "section",
        tag("h2", "Findings"),
        tag("p", typeset(first), " ", *(join([typeset(sentence), " "]) for sentence in others), class_="abstract"),
        _tiles(report),
        _warnings(report),
        *(_means(report) if report.summary else ()),
        id="findings",
    )


def _means(report: Report) -> list[Markup]:
    title = "Means over the environments that it was trained in (held-in), and over the others (held-out)"
    parts = [tag("h3", title), means(report.summary)]
    if report.minimum_detectable is not None:
        limit = f"Minimum detectable difference of a single cell: up to {percent(report.minimum_detectable)} points."
        parts.append(tag("p", limit, class_="hint"))
    return parts


def _tiles(report: Report) -> Markup:
    """What is significant, and only that, stands in large figures."""
    tiles = [
        _tile("largest gain on what was trained on", largest_gain(report, "trained on")),
        _tile("largest held-out gain", largest_gain(report, "held-out")),
        _tile("largest held-out loss", largest_fall(report, "held-out")),
    ]
    if report.minimum_detectable is not None:
        note = "points; what is smaller and not marked was not found, which is not absent"
        tiles.append(_tile_of("detectable in every cell", percent(report.minimum_detectable), note, ""))
    return tag("div", *tiles, class_="tiles")


def _tile(label: str, cell: Cell | None) -> Markup:
    if cell is None:
        return _tile_of(label, "none", "that is significant", "")
    note = f"points ({typeset(signed_bounds(cell.delta_ci_low, cell.delta_ci_high))})"
    if cell.delta_vs_floor is not None:
        note += f"; {typeset(points(cell.delta_vs_floor))} from random play"
    return _tile_of(label, typeset(points(cell.delta_vs_base)), note, f"{cell.train} on {column_of(cell)}")


def _tile_of(label: str, figure: str, note: str, where: str) -> Markup:
    return tag(
        "div",
        tag("span", label, class_="label"),
        tag("span", figure, class_="figure"),
        tag("span", note, class_="note"),
        tag("span", where, class_="where") if where else None,
        class_="tile",
    )


def _warnings(report: Report) -> Markup | None:
    said = [f"{stage.name}: {warning}" for stage in report.stages for warning in stage.warnings]
    drifted = [stage for stage in report.stages if stage.drift]
    said += [f"{stage.name}: {count(stage.drift, 'token')} of unconfirmed provenance" for stage in drifted]
    if report.masked:
        said.append(f"{count(report.masked, 'sample')} lost to {causes(report)}, left out of every figure")
    if not said and not report.notes:
        return None
    return tag(
        "div",
        tag("h3", "To keep in mind"),
        tag(
            "ul",
            *(tag("li", typeset(note)) for note in report.notes),
            *(tag("li", text, class_="warning") for text in said),
        ),
        class_="notes",
    )
