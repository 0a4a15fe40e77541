"""A paper's figures stand beside the study's own, and what differs is said."""

from __future__ import annotations

import io
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from rich.console import Console

from rftcore.report.html import render
from rftcore.report.published import Pair, beside
from rftcore.report.tables import print_tables
from rftcore.schemas.report import Report

FIGURES: list[dict[str, Any]] = [
    {"train": "babyai", "environment": "webshop", "difficulty": "hard", "value": 0.1025, "note": "7B"},
    {"train": "textcraft", "environment": "textcraft", "change": 0.25},
    {"train": "babyai", "environment": "held-out", "change": -0.0323},
    {"train": "babyai", "environment": "babyai", "measure": "turns", "value": 4.19, "change": -6.57},
    {"train": "base", "environment": "babyai", "difficulty": "easy", "value": 0.3},
]


@pytest.fixture
def repeated(study: tuple[Path, Report]) -> Report:
    published = {"source": "a <paper>", "figures": FIGURES, "unmatched": ["Its tasks are not ours."]}
    report = study[1]
    return report.model_copy(update={"study": {**report.study, "config": {"published": published}}})


def own(report: Report, train: str, environment: str, difficulty: str) -> float:
    for cell in (*report.axes.transfer, *report.axes.sequence):
        if (cell.train, cell.environment, cell.difficulty) == (train, environment, difficulty):
            assert cell.avg_at_k is not None
            return cell.avg_at_k
    raise AssertionError(f"no cell of {train} on {environment}:{difficulty}")


def test_a_cell_a_mean_over_difficulties_and_a_held_out_mean_are_the_study_s_own(repeated: Report) -> None:
    cell, both, held_out, _, base = beside(repeated)
    assert cell.value == own(repeated, "babyai", "webshop", "hard")
    assert cell.change == pytest.approx(cell.value - own(repeated, "base", "webshop", "hard"))
    levels = [own(repeated, "textcraft", "textcraft", difficulty) for difficulty in ("easy", "hard")]
    assert both.value == pytest.approx(fmean(levels))
    row = next(row for row in repeated.summary if row["train"] == "babyai")
    assert (held_out.value, held_out.change) == (row["held_out"], row["held_out_delta"])
    assert (base.value, base.change) == (own(repeated, "base", "babyai", "easy"), None)


def test_successes_are_percentages_and_turns_are_not(repeated: Report) -> None:
    success, _, change, turns, _ = (pair.fields() for pair in beside(repeated))
    assert success[:5] == ("babyai", "webshop hard", "success %, 7B", "10.2", "-")
    assert change[1:5] == ("held-out", "success %", "-", "-3.2")
    assert turns[2:5] == ("turns", "4.2", "-6.6")


def test_page_and_terminal_show_both_and_what_could_not_be_matched(repeated: Report) -> None:
    page = render(repeated, {})
    assert "Figures of a &lt;paper&gt; and of this study" in page
    assert "Its tasks are not ours." in page
    assert 'href="#published"' in page
    out = io.StringIO()
    print_tables(repeated, Console(file=out, width=100, color_system=None))
    text = " ".join(out.getvalue().split())
    assert "Beside the published figures" in text
    assert "Not matched: Its tasks are not ours." in text


def test_a_study_that_repeats_no_paper_has_no_such_section(study: tuple[Path, Report]) -> None:
    assert beside(study[1]) == list[Pair]()
    assert "published" not in render(study[1], {})
