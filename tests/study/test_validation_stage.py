"""A stage that is validated on tasks it never draws: it stops early, makes its best checkpoint, and survives a kill."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chance  # type: ignore[import-not-found]
import pytest

from rftcore import Experiment
from rftcore.checkpoint import read_state
from rftcore.drawing import seed_of
from rftcore.errors import ConfigError
from rftcore.experiment import player
from rftcore.records import RunFolder, read_json, read_lines
from rftcore.rollout import collect
from rftcore.validation import best, score
from tests.study.conftest import in_child, kill_myself, report_of, small, small_world
from tests.study.test_resume import accesses, at_disk_access

VALIDATION = {"tasks": 2, "samples": 4, "every": 1, "patience": 2, "checkpoint": "best"}


def config(model: Path, **changes: Any) -> dict[str, Any]:
    training = {"updates": 8, "groups": 3, "samples": 4, "checkpoint_every": 3, "validation": VALIDATION | changes}
    return small(
        model,
        train="even:easy",
        training=training,
        learner={"learning_rate": 0.05, "schedule": "cosine", "warm_up": 1},
        evaluation={"tasks": 2, "samples": 2},
        references=["random"],
    )


@pytest.fixture(scope="module")
def undisturbed(model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The run that nothing happened to."""
    root = tmp_path_factory.mktemp("validated")
    with small_world():
        Experiment(config(model)).run(root)
    return RunFolder(root / "small")


def stage(folder: RunFolder) -> Path:
    (place,) = (folder.path / "stages").iterdir()
    return place


def test_validation_tasks_are_of_the_train_split_and_never_drawn(undisturbed: RunFolder) -> None:
    drawn = {group["task"] for line in read_lines(stage(undisturbed) / "updates.jsonl") for group in line["groups"]}
    assert drawn <= {f"even/easy/train/{number}" for number in range(6)}
    assert len(drawn) > 3


def test_a_stage_stops_when_its_score_does_not_rise_any_more_and_makes_its_best_checkpoint(
    undisturbed: RunFolder,
) -> None:
    place = stage(undisturbed)
    lines = read_lines(place / "updates.jsonl")
    chosen = best(lines)
    assert chosen is not None
    assert chosen < len(lines) < 8
    assert len(lines) == chosen + 2
    assert read_state(place / "checkpoint")["update"] == chosen
    assert read_json(place / "stage.json")["updates"] == len(lines)
    assert sorted(path.name for path in place.iterdir()) == ["checkpoint", "stage.json", "updates.jsonl"]
    (told,) = report_of(undisturbed.path)["stages"]
    assert told["budget"]["updates"] == len(lines)
    assert told["budget"]["updates_planned"] == 8
    assert told["budget"]["updates_behind_checkpoint"] == chosen
    assert told["budget"]["validation_episodes"] == 8 * (len(lines) + 1)  # the start policy was measured, too
    assert [row["validation"] for row in told["curve"]] == [line["validation"] for line in lines]
    rates = {row["update"]: row["learning_rate"] for row in told["curve"] if row["rows"]}
    full = {0: 0.5, 1: 1.0}
    assert rates == pytest.approx(
        {update: 0.05 * full.get(update, (1 + math.cos(math.pi * (update - 1) / 7)) / 2) for update in rates}
    )
    assert len(rates) > 2


def test_the_checkpoint_plays_the_validation_tasks_as_its_recorded_score_says(
    model: Path, undisturbed: RunFolder
) -> None:
    experiment = Experiment(config(model))
    (node,) = experiment.blueprint.plan.stages
    world = chance.Even()
    groups = asyncio.run(
        collect(
            {"even": world},
            player(experiment.config, None, stage(undisturbed) / "checkpoint"),
            world.tasks("train", "easy")[-2:],
            4,
            seed=seed_of(experiment.config.seed, node.key, "validation"),
        )
    )
    scores = [line["validation"] for line in read_lines(stage(undisturbed) / "updates.jsonl")]
    assert score(groups) == max(scores)
    assert max(scores) > scores[-1]


def test_the_score_of_the_start_policy_stands_beside_the_first_update(model: Path, undisturbed: RunFolder) -> None:
    experiment = Experiment(config(model))
    (node,) = experiment.blueprint.plan.stages
    world, seed = chance.Even(), seed_of(experiment.config.seed, node.key, "validation")
    held = world.tasks("train", "easy")[-2:]
    groups = asyncio.run(collect({"even": world}, player(experiment.config, None, model), held, 4, seed=seed))
    first, *rest = read_lines(stage(undisturbed) / "updates.jsonl")
    assert first["start_validation"] == score(groups)
    assert not any("start_validation" in line for line in rest)


def test_without_a_choice_the_last_checkpoint_is_made(model: Path, tmp_path: Path) -> None:
    Experiment(config(model, checkpoint="last", patience=None)).run(tmp_path)
    place = stage(RunFolder(tmp_path / "small"))
    lines = read_lines(place / "updates.jsonl")
    assert read_state(place / "checkpoint")["update"] == len(lines) == 8
    assert report_of(tmp_path / "small")["stages"][0]["budget"]["updates_behind_checkpoint"] == 8


def test_a_killed_stage_goes_on_to_the_same_scores_the_same_end_and_the_same_checkpoint(
    model: Path, undisturbed: RunFolder, tmp_path: Path, differences: Callable[[Any, Any], list[str]]
) -> None:
    experiment = Experiment(config(model))
    total = accesses(experiment, tmp_path / "count")
    assert differences(report_of(tmp_path / "count/small"), report_of(undisturbed.path)) == []
    for moment in sorted({round(1 + step * (total - 1) / 6) for step in range(7)}):
        root = tmp_path / str(moment)

        def killed(moment: int = moment, root: Path = root) -> None:
            with at_disk_access(moment, kill_myself):
                experiment.run(root)

        assert in_child(killed) == -9, moment
        experiment.run(root)
        assert differences(report_of(root / "small"), report_of(undisturbed.path)) == [], moment
        found = read_json(stage(RunFolder(root / "small")) / "checkpoint" / "checkpoint.json")
        assert found == read_json(stage(undisturbed) / "checkpoint" / "checkpoint.json"), moment


def test_validation_that_takes_every_train_task_is_refused_before_anything_runs(model: Path) -> None:
    with pytest.raises(ConfigError, match=r"training.validation.tasks: found 8, expected fewer: even:easy has 8 train"):
        Experiment(config(model, tasks=8))
