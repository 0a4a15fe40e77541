"""The sections of the page that show figures: one for each axis, and the training of the stages."""

from __future__ import annotations

from collections.abc import Mapping

from rftcore.report.figures import count, percent, typeset
from rftcore.report.heatmap import heatmap
from rftcore.report.listing import details, every_figure, gains_and_losses, side_by_side
from rftcore.report.markup import Markup, join, tag
from rftcore.report.matrix import Axis, Column, Matrix, detectable, matrix
from rftcore.report.panels import WINDOW, forgetting, learning, scores
from rftcore.report.similarity import LEGEND, TITLE, similarity
from rftcore.schemas.report import Report

QUESTIONS: dict[Axis, tuple[str, str]] = {
    "difficulty": (
        "Difficulty",
        "Trained on one difficulty of an environment: what happens on the others? And does a curriculum from easy to "
        "hard beat training on one of them?",
    ),
    "transfer": (
        "Transfer",
        "Trained in one environment: what happens in environments that this fine-tuning never saw, with no further "
        "training? (An imitation warm-up may have seen them: the notes say what is known.)",
    ),
    "sequence": (
        "Sequence",
        "Trained through several environments one after another, or in a mixture: what was gained, and what was "
        "forgotten on the way?",
    ),
}


def axis_section(report: Report, axis: Axis, anchors: Mapping[tuple[str, Column], str]) -> Markup:
    """Return the section of one axis: matrix, curves from stage to stage, scores, and every figure."""
    name, question = QUESTIONS[axis]
    arranged = matrix(report, axis)
    head = (tag("h2", name), tag("p", question, class_="question"))
    if not arranged.rows:
        return tag("section", *head, tag("p", "This study has no checkpoint on this axis.", class_="empty"), id=axis)
    return tag(
        "section",
        *head,
        heatmap(arranged, anchors, f"{name}: success by checkpoint and task set, and its change from base"),
        _smallest_of(arranged),
        *(_similarity(report) if axis == "transfer" else ()),
        *_stages(report, axis, arranged),
        tag("h3", "Scores with their intervals"),
        tag("p", _marks(), class_="legend"),
        scores(arranged),
        details(f"Every figure of the {axis} axis", every_figure(arranged, _sort_hint(arranged))),
        id=axis,
    )


def _stages(report: Report, axis: Axis, arranged: Matrix) -> list[Markup]:
    parts = []
    curves = forgetting(report, axis)
    if curves is not None:
        hint = "Each chart follows one chain of stages; a falling line is forgetting. Bars: 95 % intervals."
        parts += [tag("h3", "From stage to stage"), tag("p", hint, class_="hint"), curves]
    stages = [stage for stage in report.stages if stage.name in arranged.rows]
    if axis == "sequence" and stages:
        parts.append(gains_and_losses(stages, report.minimum_detectable))
    return parts


def _similarity(report: Report) -> list[Markup]:
    environments, rows = similarity(report)
    if not rows:
        return []
    shown = [(label, [typeset(value) for value in values]) for label, values in rows]
    return [tag("h3", TITLE), side_by_side(environments, shown, "environment", LEGEND)]


def _smallest_of(arranged: Matrix) -> Markup | None:
    limits = detectable(cell for column in arranged.columns for cell in arranged.column(column))
    if limits is None:
        return None
    low, high = (percent(limit) for limit in limits)
    text = (
        f"Minimum detectable difference: {low} to {high} points, by cell. A smaller change without an asterisk was not "
        "found, which is not absent; one with an asterisk is there, but probably smaller than it looks."
    )
    return tag("p", text, class_="hint")


def _sort_hint(arranged: Matrix) -> str:
    return f"{count(len(arranged.cells), 'cell')}; fractions in %, changes in points; click a heading to sort"


def _marks() -> Markup:
    kinds = (
        ("base", "base"),
        ("trained-on", "trained on"),
        ("held-in", "held-in, another difficulty"),
        ("held-out", "held-out"),
    )
    keys = [tag("span", tag("i", class_=f"mark {kind}"), f" {name}", class_="key") for kind, name in kinds]
    return join([*keys, tag("span", "success in %, line: 95 % interval; dashed: floor and ceiling", class_="key")])


def training_section(report: Report) -> Markup:
    """Return the section of the learning curves, one a stage."""
    if not report.stages:
        return tag("section", tag("h2", "Training"), tag("p", "No stage was trained.", class_="empty"), id="training")
    note = (
        "Success on training tasks by update: dots are single updates, the line is the mean of the last "
        f"{WINDOW}. Dashed: the share of groups without variance, which teach nothing."
    )
    if any("demonstrated_tokens" in stage.budget for stage in report.stages):
        note += " Where a stage learns from demonstrations, the success is theirs."
    return tag(
        "section",
        tag("h2", "Training"),
        tag("p", note, class_="question"),
        learning(report.stages),
        id="training",
    )
