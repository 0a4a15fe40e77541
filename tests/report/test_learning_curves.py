"""The page of the learning curves says what each algorithm gained over all seeds, and its plot draws just that."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import learning_curves
import pytest
import seeds


def report(seed: int) -> dict[str, Any]:
    """A study of two algorithms, three updates each, the first of which gains 10 points more a seed."""
    gains = {"grpo": 0.1 + 0.1 * seed, "ppo": 0.2}

    def curve(gain: float) -> list[dict[str, Any]]:
        rows = [
            {"update": n, "success": 0.5, "update_seconds": 2.0, "episodes": 8, "sampled_tokens": 40, "rows": 8}
            for n in range(3)
        ]
        rows[0]["start_validation"] = 0.5
        rows[1]["validation"] = 0.5
        rows[2]["validation"] = 0.5 + gain
        return rows

    def cell(train: str, score: float) -> list[dict[str, Any]]:
        return [{"train": train, "difficulty": name, "avg_at_k": score} for name in ("hard", "easy")]

    return {
        "study": {"id": "0"},
        "provenance": {
            "seeds": {"study": seed},
            "hardware": {"cores": 2, "machine": "x86_64", "python": "3.11"},
        },
        "axes": {
            "difficulty": [
                *cell("base", 0.4),
                *(one for name, gain in gains.items() for one in cell(f"{name}(maze:easy)", 0.4 + gain / 2)),
            ]
        },
        "stages": [
            {"name": f"{name}(maze:easy)", "curve": curve(gain), "drift": 0, "parent": "base"}
            for name, gain in gains.items()
        ],
        "masked": 0,
        "study_seconds": 60.0,
    }


@pytest.fixture
def records() -> list[dict[str, Any]]:
    return [learning_curves.record(report(seed)) for seed in range(3)]


def test_a_row_has_start_end_and_gain_with_student_s_interval_over_the_seeds(records: list[dict[str, Any]]) -> None:
    # Gains 10, 20 and 30: mean 20, standard deviation 10, 4.303 * 10 / sqrt(3) = 24.8; on test tasks half of it.
    row = "| grpo | 50.0 | 70.0 | +20.0, -5 to +45 | 40.0 | 50.0 | +10.0, -2 to +22 | 2.0 | 120 |"
    assert row in learning_curves.page(records).splitlines()
    assert "| ppo | 50.0 | 70.0 | +20.0 | 40.0 | 50.0 | +10.0 | 2.0 | 120 |" in learning_curves.page(records[:1])


def test_the_page_says_for_which_algorithms_success_rises_beyond_doubt(records: list[dict[str, Any]]) -> None:
    # ppo gains 20 points with each seed, the interval of grpo reaches from -5 to +45.
    one = "1 of 2 algorithms (not for grpo)"
    assert f"on validation tasks for {one} and on test tasks for {one}." in learning_curves.page(records)
    assert "One seed gives no interval." in learning_curves.page(records[:1])


def test_the_plot_has_a_line_an_algorithm_in_both_panels(records: list[dict[str, Any]]) -> None:
    text = learning_curves.plot(records)
    drawn = ElementTree.fromstring(text)
    lines = [one.get("points", "").split() for one in drawn.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(points) for points in lines] == [3, 3, 3, 3]  # before the first update, after 2 and after 3
    # In updates they stand at 0, 2 and 3, in seconds at 0, 4 and 6: the same places, as both panels end with the curve.
    assert lines[0] == lines[2]
    assert "grpo 50.0 to 70.0" in text


def test_the_published_page_and_plot_are_what_their_records_say() -> None:
    read, name = seeds.records(learning_curves.NAME), learning_curves.NAME
    page, plot = (seeds.RESULTS / f"{name}.{kind}" for kind in ("md", "svg"))
    assert page.is_file() is plot.is_file() is bool(read)
    if read:
        assert page.read_text("utf-8") == learning_curves.page(read)
        assert plot.read_text("utf-8") == learning_curves.plot(read)
