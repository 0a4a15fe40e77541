"""GRPO learns from rollouts that are an update ahead of it as it does from fresh ones: one bar for both."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

from rftcore import Experiment
from rftcore.schemas.report import StageReport


def trained(staleness: int, seed: int, folder: Path) -> StageReport:
    """Train the embedded policy on easy tasks of TextCraft, and validate it on 48 others before and after."""
    report = Experiment(
        name=f"ahead-{staleness}-{seed}",
        seed=seed,
        train="textcraft:easy",
        environments={"textcraft": {"max_turns": 8, "distractors": 2}},
        training={
            "updates": 24,
            "groups": 16,
            "samples": 8,
            "max_staleness": staleness,
            "validation": {"tasks": 48, "samples": 4, "every": 24},
        },
        learner={"learning_rate": 3e-4},
        sampling={"max_new_tokens": 24},
        evaluation={"tasks": 2, "samples": 1},
        references=[],
    ).run(folder)
    return report.stages[0]


def score(stage: StageReport, update: int, name: str) -> float:
    found = stage.curve[update][name]
    assert isinstance(found, float)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("staleness", [0, 1])
def test_the_embedded_policy_gains_on_tasks_that_it_never_draws(staleness: int, tmp_path: Path) -> None:
    """The bar is that of the slow test of imitation. Before and after are the same 192 episodes."""
    stages = [trained(staleness, seed, tmp_path) for seed in range(3)]
    for stage in stages:
        # All but the first update learn from rollouts of the weights before: there is none for those.
        assert [row.get("staleness", 0) for row in stage.curve] == [0, *[staleness] * 23]
        assert (stage.drift, stage.warnings) == (0, [])
    gains = [score(stage, -1, "validation") - score(stage, 0, "start_validation") for stage in stages]
    assert fmean(gains) > 0.03, gains
