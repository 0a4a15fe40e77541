"""The shipped weights are the recorded ones, small, and readable without their builder."""

from __future__ import annotations

import json

import pytest

import rftcore_tiny
from rftcore.models import find_model, sha256
from rftcore_tiny import skill


def test_the_weights_are_the_recorded_ones_and_small() -> None:
    weights = rftcore_tiny.folder() / "model.safetensors"
    assert sha256(weights) == rftcore_tiny.SHA256
    assert sum(file.stat().st_size for file in rftcore_tiny.folder().iterdir()) <= 4 * 2**20


def test_the_card_says_what_was_imitated() -> None:
    card = json.loads((rftcore_tiny.folder() / "card.json").read_text())
    assert card["sha256"] == rftcore_tiny.SHA256
    assert card["environments"] == ["alfworld", "babyai", "searchqa", "textcraft", "webshop"]


def test_core_finds_it_by_its_name() -> None:
    assert find_model("rftcore/tiny") == rftcore_tiny.folder()


def test_its_skill_is_measured_in_every_environment_that_it_imitated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["skill", "--tasks", "4"])
    skill.main()
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    figures = {(row[1].strip(), row[2].strip()): float(row[4]) for row in rows}
    assert len(figures) == 10
    assert all(0.0 <= success <= 1.0 for success in figures.values())
    assert figures["textcraft", "easy"] > figures["webshop", "hard"]
