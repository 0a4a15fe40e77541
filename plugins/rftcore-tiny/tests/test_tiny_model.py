"""The shipped weights are the recorded ones, small, and readable without their builder."""

from __future__ import annotations

import json

import rftcore_tiny
from rftcore.models import find_model, sha256


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
