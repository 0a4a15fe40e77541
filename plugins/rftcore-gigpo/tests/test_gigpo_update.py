"""One update with the embedded policy on textcraft, through the whole pipe."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment


@pytest.mark.parametrize("options", [{}, {"state": "history", "kl": 0.01}], ids=["observation", "history+kl"])
def test_one_update_on_textcraft_moves_the_policy(options: dict[str, Any], tmp_path: Path) -> None:
    report = Experiment(
        name="once",
        train="textcraft:easy",
        algorithm={"name": "gigpo", **options},
        environments={"textcraft": {"max_turns": 6, "distractors": 1}},
        training={"updates": 1, "groups": 8, "samples": 4},
        sampling={"max_new_tokens": 16},
        evaluation={"tasks": 2, "samples": 1},
        references=[],
        seed=1,
    ).run(tmp_path)
    (update,) = report.stages[0].curve
    assert update["rows"] > 0
    assert update["drift"] == 0
    assert math.isfinite(update["loss"])
    assert update["grad_norm"] > 0.0
    assert update["sampler_gap"] < 1e-3
