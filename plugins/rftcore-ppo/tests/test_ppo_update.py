"""PPO with the embedded policy on textcraft, through the whole pipe: an update moves it, and the critic learns."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from rftcore import Experiment


def updates_of(folder: Path, **changes: Any) -> list[dict[str, Any]]:
    report = Experiment(
        **{
            "name": "once",
            "train": "textcraft:easy",
            "algorithm": "ppo",
            "environments": {"textcraft": {"max_turns": 4, "distractors": 1}},
            "training": {"updates": 1, "groups": 8, "samples": 4},
            "sampling": {"max_new_tokens": 16},
            "evaluation": {"tasks": 2, "samples": 1},
            "references": [],
            "seed": 1,
            **changes,
        }
    ).run(folder)
    return list(report.stages[0].curve)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"algorithm": {"name": "ppo", "level": "token", "kl": 0.05, "kl_target": 1.0, "entropy": 0.01}},
        {"algorithm": {"name": "ppo", "critic": {"model": "start"}}, "history": {"name": "window", "turns": 2}},
    ],
    ids=["turn", "token+adaptive", "own+window"],
)
def test_one_update_on_textcraft_moves_policy_and_critic(changes: dict[str, Any], tmp_path: Path) -> None:
    (update,) = updates_of(tmp_path, learner={"minibatches": 2}, **changes)
    assert update["rows"] >= 32
    assert update["drift"] == 0
    assert math.isfinite(update["loss"])
    assert update["grad_norm"] > 0.0
    assert update["critic_grad_norm"] > 0.0
    assert update["sampler_gap"] < 1e-3
    # Two steps: before the first one the critic says 0 everywhere, before the second one it does not.
    assert update["value"] != 0.0
    assert update["explained_variance"] == pytest.approx(0.0, abs=1e-9)


def test_the_critic_comes_to_foresee_returns(tmp_path: Path) -> None:
    updates = updates_of(
        tmp_path,
        learner={"minibatches": 4},
        training={"updates": 16, "groups": 8, "samples": 4},
    )
    explained = [update["explained_variance"] for update in updates]
    assert explained[0] == pytest.approx(0.0, abs=1e-9)
    assert fmean(explained[:4]) < 0.05
    assert fmean(explained[-4:]) > 0.1
