"""The results over several seeds are means of the seeds' reports, with an interval that holds training noise."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import five_environments
import pytest

from rftcore.schemas.report import Report


@pytest.fixture
def records(study: tuple[Path, Report]) -> list[dict[str, Any]]:
    """Three seeds of one simulated study that differ in one cell: 10, 20 and 30 points above base."""
    report = study[1].model_dump(mode="json")
    report["provenance"]["hardware"] = {"cores": 2, "machine": "x86_64", "python": "3.11"}
    made = []
    for seed in range(3):
        one = copy.deepcopy(report)
        one["provenance"]["seeds"]["study"] = seed
        for cell in (cell for cells in one["axes"].values() for cell in cells):
            if (cell["train"], cell["environment"], cell["difficulty"]) == ("babyai", "babyai", "easy"):
                cell |= {"avg_at_k": 0.5 + 0.1 * seed, "delta_vs_base": 0.1 + 0.1 * seed}
        made.append(five_environments.record(one))
    return made


def test_a_cell_shows_the_mean_and_student_s_interval_over_the_seeds(records: list[dict[str, Any]]) -> None:
    # Mean 20 points, standard deviation 10, 4.303 * 10 / sqrt(3) = 24.8.
    assert "60.0 (+20.0, -5 to +45)" in five_environments.page(records)
    assert "50.0 (+10.0)" in five_environments.page(records[:1])


def test_the_page_has_every_checkpoint_of_each_axis_and_says_how_it_was_made(records: list[dict[str, Any]]) -> None:
    text = five_environments.page(records)
    for axis, names in records[0]["axes"].items():
        section = text.partition(f"## {axis.capitalize()}\n")[2].partition("\n## ")[0]
        rows = [line.split(" | ")[0].strip("| *") for line in section.splitlines() if line.startswith("| ")]
        assert rows == ["trained on", *names, "random", "oracle"]
    assert "`make results` regenerates this page. Seeds: 0, 1, 2" in text


def test_a_record_is_small_and_holds_each_cell_once(records: list[dict[str, Any]]) -> None:
    keys = [(cell["train"], cell["environment"], cell["difficulty"]) for cell in records[0]["cells"]]
    assert len(keys) == len(set(keys))
    assert len(json.dumps(records[0])) / len(keys) < 1000  # 350 cells stay far below a megabyte
