"""One update of each algorithm with the embedded policy, through the whole pipe, and what reaches the credit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment
from rftcore_reinforce import reinforce_pp


def update_of(folder: Path, **changes: Any) -> dict[str, Any]:
    report = Experiment(
        **{
            "name": "once",
            "train": "textcraft:easy",
            "environments": {"textcraft": {"max_turns": 4, "distractors": 1}},
            "training": {"updates": 1, "groups": 8, "samples": 4},
            "sampling": {"max_new_tokens": 16},
            "evaluation": {"tasks": 2, "samples": 1},
            "references": [],
            "seed": 1,
            **changes,
        }
    ).run(folder)
    (update,) = report.stages[0].curve
    return update


@pytest.mark.parametrize("algorithm", ["reinforce", "rloo", "reinforce_pp"])
def test_one_update_on_textcraft_moves_the_policy(algorithm: str, tmp_path: Path) -> None:
    update = update_of(tmp_path, algorithm=algorithm)
    assert update["rows"] == 32
    assert update["drift"] == 0
    assert math.isfinite(update["loss"])
    assert update["grad_norm"] > 0.0
    assert update["sampler_gap"] < 1e-3


def test_a_windowed_history_gives_each_token_its_own_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, seen = reinforce_pp.token_divergences, list[float]()

    def noted(*arguments: Any) -> list[list[list[float]]]:
        found = plain(*arguments)
        seen.extend(value for of_group in found for own in of_group for value in own)
        return found

    monkeypatch.setattr(reinforce_pp, "token_divergences", noted)
    update = update_of(tmp_path, algorithm="reinforce_pp", history={"name": "window", "turns": 2})
    # The first update plays with the start policy itself: a token that met another's logprob would stand out.
    assert len(seen) == update["sampled_tokens"] > 100
    assert max(map(abs, seen)) < 1e-3
    assert update["rows"] > 32
