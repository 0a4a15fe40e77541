"""Imitation teaches the embedded policy: of an expert to play TextCraft, of its own successes to play BabyAI better."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import fmean

import pytest

from rftcore import Experiment
from rftcore.experiment import player
from rftcore.records import RunFolder
from rftcore.rollout import collect
from rftcore.schemas.report import StageReport
from rftcore_imitation.algorithm import Imitation


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


def success(run: Experiment, start: Path | str) -> float:
    """Mean success of the model at `start` on the 64 easy test tasks, 4 samples each."""
    world = run.blueprint.environments["babyai"]
    groups = asyncio.run(
        collect({"babyai": world}, player(run.config, None, start), world.tasks("test", "easy")[:64], 4, seed=1)
    )
    return fmean(each.success for group in groups for each in group.trajectories)


@pytest.mark.slow
def test_the_policy_gains_from_its_own_shortest_successes(tmp_path: Path) -> None:
    """The bar was chosen before seeds 0 to 2 were run, from 16 updates with seed 200, which gained 0.07.

    All seeds are compared with the same 256 episodes of the start policy. The README says what that is worth.
    """
    gains = []
    before: float | None = None
    for seed in range(3):
        run = Experiment(
            name=f"seed-{seed}",
            seed=seed,
            train="imitation(babyai:easy)",
            algorithms={"imitation": Imitation(source="self", per_task=1)},
            environments={"babyai": {"max_turns": 8}},
            training={"updates": 12, "groups": 16, "samples": 4},
            learner={"learning_rate": 3e-4},
            sampling={"max_new_tokens": 24},
            evaluation={"tasks": 2, "samples": 1, "environments": ["babyai"]},
            references=[],
        )
        run.run(tmp_path)
        if before is None:
            before = success(run, run.config.model)
        after = RunFolder(tmp_path / run.config.name).stage(run.blueprint.plan.stages[0].key) / "checkpoint"
        gains.append(success(run, after) - before)
    assert fmean(gains) > 0.03, gains
