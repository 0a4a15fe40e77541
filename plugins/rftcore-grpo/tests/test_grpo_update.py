"""One update of the variants with the embedded policy on textcraft, through the whole pipe."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "cispo", "clip_low": 1.0, "clip_high": 4.0},
        {"objective": "sapo", "aggregation": "sequence", "correction": "sequence", "correction_cut": "mask"},
        {"correction": "token", "kl": 0.01},
    ],
    ids=["CISPO", "SAPO+mask", "TIS+KL"],
)
def test_one_update_on_textcraft_moves_the_policy(options: dict[str, Any], tmp_path: Path) -> None:
    report = Experiment(
        name="once",
        train="textcraft:easy",
        algorithm={"name": "grpo", "dynamic_sampling": False, **options},
        environments={"textcraft": {"max_turns": 4, "distractors": 1}},
        training={"updates": 1, "groups": 8, "samples": 4},
        learner={"minibatches": 3},
        sampling={"max_new_tokens": 16},
        evaluation={"tasks": 2, "samples": 1},
        references=[],
        seed=1,
    ).run(tmp_path)
    (update,) = report.stages[0].curve
    assert update["rows"] == 32
    assert update["drift"] == 0
    assert math.isfinite(update["loss"])
    assert update["grad_norm"] > 0.0
    assert update["kl"] > 0.0
    if "correction" in options:
        # This sampler and this learner are the same program: all that is left to correct is rounding.
        assert update["correction"] == pytest.approx(1.0, abs=1e-3)
