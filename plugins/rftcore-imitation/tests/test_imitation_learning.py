"""Imitation of an expert teaches the embedded policy to play TextCraft."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import fmean

from rftcore import Experiment
from rftcore.experiment import player
from rftcore.records import RunFolder
from rftcore.rollout import collect
from rftcore.schemas.report import StageReport


def learned(folder: Path, updates: int) -> tuple[StageReport, float, float]:
    """One stage of imitation: what was reported of it, and success on 24 hard train tasks before and after."""
    run = Experiment(
        name="learned",
        train="imitation(textcraft:hard)",
        environments={"textcraft": {"max_turns": 8}},
        training={"updates": updates, "groups": 16, "samples": 4},
        learner={"learning_rate": 3e-4},
        sampling={"max_new_tokens": 24},
        evaluation={"tasks": 2, "samples": 1},
        references=[],
    )
    (stage,) = run.run(folder).stages
    world = run.blueprint.environments["textcraft"]
    after = RunFolder(folder / "learned").stage(run.blueprint.plan.stages[0].key) / "checkpoint"
    success = []
    for start in (run.config.model, after):
        actor = player(run.config, None, start)
        groups = asyncio.run(collect({"textcraft": world}, actor, world.tasks("train", "hard")[:24], 4, seed=1))
        success.append(fmean(each.success for group in groups for each in group.trajectories))
    return stage, success[0], success[1]


def mean(stage: StageReport, key: str, updates: slice) -> float:
    return fmean(float(row[key]) for row in stage.curve[updates])  # type: ignore[arg-type]


def test_an_expert_is_imitated_and_success_rises(tmp_path: Path) -> None:
    stage, before, after = learned(tmp_path, 60)
    assert mean(stage, "success", slice(None)) == 1.0  # of the demonstrations
    # Each update shows other tasks, so single losses say little.
    assert mean(stage, "loss", slice(50, None)) < 0.75 * mean(stage, "loss", slice(10))
    assert after > before + 0.2
    assert (stage.drift, stage.sampler_gap, stage.warnings) == (0, None, [])
