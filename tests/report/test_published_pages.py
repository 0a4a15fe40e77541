"""What is published of a study over its seeds follows from their records, and says what they say."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import five_environments
import pytest
import seeds
import shift


@pytest.mark.parametrize("script", [five_environments, shift], ids=lambda script: script.NAME)
def test_a_published_page_is_what_its_records_say(script: ModuleType) -> None:
    read, page = seeds.records(script.NAME), seeds.RESULTS / f"{script.NAME}.md"
    assert page.is_file() is bool(read)
    if read:
        assert page.read_text("utf-8") == script.page(read)


def test_the_page_of_the_shift_sets_training_with_the_list_against_training_without() -> None:
    def cell(train: str, environment: str, difficulty: str, change: float | None) -> dict[str, Any]:
        level = {"avg_at_k": 0.5, "delta_vs_base": change}
        return {"train": train, "environment": environment, "difficulty": difficulty, **level}

    def record(seed: int, listed: float, unlisted: float) -> dict[str, Any]:
        """A seed in which WebShop changes so much on easy tasks, and not on hard ones."""
        changes = {("base", "easy"): None, ("base", "hard"): None, ("babyai", "easy"): listed, ("babyai", "hard"): 0.0}
        changes |= {("babyai-unlisted", "easy"): unlisted, ("babyai-unlisted", "hard"): 0.0}
        return {
            "seed": seed,
            "study_seconds": 60.0,
            "provenance": {"hardware": {"cores": 2, "machine": "x86_64", "python": "3.11"}},
            "axes": {"transfer": ["base", "babyai", "babyai-unlisted"]},
            "cells": [cell(train, "webshop", level, change) for (train, level), change in changes.items()],
            "references": [],
            "stages": [],
            "masked": 0,
        }

    text = shift.page([record(0, -0.20, -0.10), record(1, -0.40, 0.10)])
    # Means of two difficulties: -10 and -20, -5 and +5, and -5 and -25 between them. With one degree of freedom the
    # interval is 12.71 standard errors wide: 12.71 * 5 = 64 and 12.71 * 10 = 127.
    assert "| webshop | -15.0, -79 to +49 | +0.0, -64 to +64 | -15.0, -142 to +112 |" in text
    assert "Seeds: 0, 1; 1 min and 1 min" in text
