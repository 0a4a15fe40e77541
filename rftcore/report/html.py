"""The report of a study as one HTML file that opens offline.

The page carries its style, its script, its drawings and the trajectories to read; its content security policy admits
exactly that style and that script, by hash, and no network. What agents and authors wrote is escaped everywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from rftcore.records import write_text
from rftcore.report.accounts import account_section
from rftcore.report.evidence import Evidence, collect
from rftcore.report.failures import failure_section
from rftcore.report.figures import duration, moment
from rftcore.report.markup import Markup, tag
from rftcore.report.matrix import AXES, column_of, every_cell
from rftcore.report.opening import opening
from rftcore.report.payload import payload
from rftcore.report.provenance import provenance_section
from rftcore.report.published import published, published_section
from rftcore.report.sections import QUESTIONS, axis_section, training_section
from rftcore.schemas.report import Cell, Report

FILE = "report.html"


def write_html(folder: Path, report: Report) -> Path:
    """Write `folder/report.html` in one step, from the report and the trajectories that its cells name.

    Returns the file's path. A reader never sees half a page: the file is complete or as it was before. Raises RunError
    when a trajectory file is damaged, or the folder cannot be written.
    """
    target = folder / FILE
    write_text(target, render(report, collect(folder, report)))
    return target


def render(report: Report, evidence: Mapping[str, Evidence]) -> str:
    """Return the whole page. `evidence` maps a cell's `trajectories` to what was read from that file."""
    cells = [*every_cell(report), *report.references]
    anchors = {(cell.train, column_of(cell)): f"cell-{number}" for number, cell in enumerate(cells, start=1)}
    named: dict[str, Cell] = {anchors[cell.train, column_of(cell)]: cell for cell in cells}
    style, script = (Markup((files("rftcore.report") / name).read_text("utf-8")) for name in ("style.css", "script.js"))
    title = str(report.study.get("name", "study"))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content="rftcore"),
        tag("title", f"{title} \u00b7 rftcore report"),
        tag("style", style),
    )
    body = tag(
        "body",
        tag("a", "Skip to the findings", href="#findings", class_="skip"),
        _header(report, title),
        _navigation(report),
        tag(
            "main",
            opening(report),
            *(axis_section(report, axis, anchors) for axis in AXES),
            published_section(report),
            training_section(report),
            failure_section(report),
            account_section(report),
            provenance_section(report),
        ),
        _footer(),
        _dialog(),
        tag("script", payload(named, evidence), type="application/json", id="evidence"),
        tag("script", script),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _policy(style: str, script: str) -> str:
    """The page may use its own style and script and nothing else: no network, no image, no form, no base."""

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    own = f"style-src {source(style)}; script-src {source(script)}"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _header(report: Report, title: str) -> Markup:
    run = str(report.study.get("id", ""))
    about = [
        f"run {run[:12]}" if run else None,
        f"finished {moment(report.finished_at)}",
        f"took {duration(report.study_seconds)}",
        f"report schema {report.schema_version}",
    ]
    return tag(
        "header",
        tag("p", "rftcore \u00b7 generalization report", class_="kicker"),
        tag("h1", title),
        tag("p", " \u00b7 ".join(part for part in about if part), class_="about"),
    )


def _navigation(report: Report) -> Markup:
    links = [("findings", "Findings"), *((axis, QUESTIONS[axis][0]) for axis in AXES)]
    if published(report) is not None:
        links.append(("published", "Published figures"))
    links += [("training", "Training"), ("accounts", "Lost samples"), ("run", "What was run")]
    return tag("nav", *(tag("a", name, href=f"#{place}") for place, name in links), aria_label="Sections")


def _footer() -> Markup:
    text = "Made by rftcore from report.json and the stored trajectories. This file needs no network."
    return tag("footer", tag("p", text), tag("noscript", tag("p", "Reading trajectories and sorting need JavaScript.")))


def _dialog() -> Markup:
    close = tag("button", "\u00d7", type="button", class_="close", aria_label="Close")
    return tag(
        "dialog",
        tag("div", tag("h2", id="reader-title", tabindex=-1), close, class_="bar"),
        tag("div", class_="content"),
        id="reader",
        aria_labelledby="reader-title",
    )
