"""A stage with training and learner settings of its own: what it is, which numbers it changes, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rftcore import ConfigError, Experiment, Study
from rftcore.blueprint import load_record
from rftcore.estimate import episodes
from rftcore.plan import StageNode
from rftcore.records import RunFolder, read_lines
from rftcore.schemas.config import LearnerConfig, Training
from rftcore.stages import settings_of
from tests.study.conftest import Done, report_of, small, small_world

LINE = "imitation(even:easy)>even:easy"
OWN: dict[str, Any] = {
    "training": {"updates": 2, "groups": 2, "samples": 1},
    "learner": {"learning_rate": 0.004, "schedule": "linear"},
}
COMMON: dict[str, Any] = {
    "sampling": {"max_new_tokens": 4},  # chance says three letters and ends its turn
    "evaluation": {"tasks": 2, "samples": 2},
    "references": [],
}


def experiment(model: Path, train: Any = LINE, **changes: Any) -> Experiment:
    return Experiment(small(model, **{**COMMON, "train": train, **changes}))


def stages(run: Study) -> tuple[StageNode, ...]:
    return run.blueprint.plan.stages


@pytest.fixture(scope="module")
def finished(model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose imitation has settings of its own."""
    root = tmp_path_factory.mktemp("own")
    with small_world():
        experiment(model, stages={"imitation": OWN}).run(root)
    return RunFolder(root / "small")


def test_a_file_overrides_a_mapping_and_live_values_are_one_run(model: Path, tmp_path: Path) -> None:
    fields = small(model, **COMMON, train=LINE)
    plain = experiment(model, stages={"imitation": {"learner": {"learning_rate": 0.004}}})
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(fields))
    assert Experiment(tmp_path / "run.yaml", ["stages.imitation.learner.learning_rate=0.004"]).id == plain.id
    live = {"imitation": {"learner": LearnerConfig(learning_rate=0.004)}}
    assert Experiment(**fields, stages=live).id == plain.id
    assert Experiment(tmp_path / "run.yaml").id != plain.id


def test_a_stage_has_the_key_that_it_would_have_in_a_run_of_these_settings(model: Path) -> None:
    line = experiment(model, stages={"imitation": OWN})
    alone = experiment(
        model, "imitation(even:easy)", training={**small()["training"], **OWN["training"]}, learner=OWN["learner"]
    )
    assert stages(line)[0].key == stages(alone)[0].key
    assert [node.updates for node in stages(line)] == [2, 3]


def test_settings_of_a_stage_change_it_and_what_starts_from_it_and_nothing_else(model: Path) -> None:
    axes = {"difficulty": [LINE], "transfer": ["even:easy"]}
    plain = Study(small(model, axes=axes))
    own = Study(small(model, axes=axes, stages={"imitation": {"training": {"groups": 2}}}))
    changed = [before.key != after.key for before, after in zip(stages(plain), stages(own), strict=True)]
    assert [node.name for node in stages(plain)] == ["imitation(even:easy)", LINE, "even:easy"]
    assert changed == [True, True, False]
    assert plain.id != own.id


def test_settings_that_are_the_runs_anyway_make_the_same_run_and_none_are_not_mentioned(model: Path) -> None:
    plain = experiment(model)
    assert experiment(model, stages={"imitation": {"learner": {"learning_rate": 0.01}}}).id == plain.id
    assert experiment(model, stages={"imitation": {"training": {"checkpoint_every": 2, "record": True}}}).id == plain.id
    assert "stages" not in plain.blueprint.record()["config"]


def test_what_a_stage_does_not_say_is_the_runs_also_within_validation(model: Path, tmp_path: Path) -> None:
    training = {"updates": 3, "groups": 3, "samples": 4, "validation": {"tasks": 2, "every": 2}}
    own = {
        "warm": {"training": {"validation": {"patience": 1}}, "learner": {"warm_up": 1}},
        "off": {"training": {"validation": None}},
    }
    run = experiment(
        model,
        "warm(even:easy)>off(even:easy)",
        training=training,
        algorithms={"warm": "grpo", "off": "grpo"},
        stages=own,
    )
    config, plan = load_record(run.create(tmp_path))
    warm, off = (settings_of(config, node.stage) for node in plan.stages)
    validation = {"tasks": 2, "every": 2, "patience": 1}
    assert warm.training == Training.model_validate({**training, "validation": validation})
    assert warm.learner == LearnerConfig(learning_rate=0.01, warm_up=1)
    assert off.training.validation is None
    assert off.learner == config.learner == LearnerConfig(learning_rate=0.01)


def test_a_stage_is_trained_with_its_own_settings_and_the_next_with_the_runs(finished: RunFolder) -> None:
    report = report_of(finished.path)
    warm, tuned = report["stages"]
    assert [warm["budget"][key] for key in ("updates", "groups", "samples", "episodes")] == [2, 2, 1, 4]
    assert [tuned["budget"][key] for key in ("updates", "groups", "samples", "episodes")] == [3, 3, 4, 36]
    # linear over 2 updates without warm-up: the whole rate, then 1 - 1/2 of it
    assert [update["learning_rate"] for update in warm["curve"]] == [0.004, 0.002]
    assert all("learning_rate" not in update for update in tuned["curve"])


def test_the_weights_are_those_of_a_run_of_these_settings(finished: RunFolder, model: Path, tmp_path: Path) -> None:
    alone = experiment(
        model, "imitation(even:easy)", training={**small()["training"], **OWN["training"]}, learner=OWN["learner"]
    )
    alone.run(tmp_path)
    (node,) = stages(alone)
    ours, theirs = (folder.stage(node.key) for folder in (finished, RunFolder(tmp_path / "small")))
    assert (ours / "checkpoint" / "model.safetensors").read_bytes() == (
        theirs / "checkpoint" / "model.safetensors"
    ).read_bytes()
    assert [line["loss"] for line in read_lines(ours / "updates.jsonl")] == [
        line["loss"] for line in read_lines(theirs / "updates.jsonl")
    ]


def test_the_report_states_the_whole_settings_of_such_a_stage(finished: RunFolder, model: Path) -> None:
    report = report_of(finished.path)
    (name,) = report["provenance"]["stages"]
    told = report["provenance"]["stages"][name]
    assert name == "imitation(even:easy)"
    assert told["algorithm"]["name"] == "imitation"
    assert told["training"] == {"updates": 2, "groups": 2, "samples": 1, "refills": 0, "checkpoint_every": 1}
    assert (told["learner"]["learning_rate"], told["learner"]["weight_decay"]) == (0.004, 0.0)
    assert report["study"]["config"]["stages"] == {"imitation": OWN}
    page = (finished.path / "report.html").read_text(encoding="utf-8")
    assert "Stages with settings of their own" in page


def test_a_plan_counts_the_episodes_of_each_stage_by_its_own_settings(model: Path) -> None:
    run = experiment(model, stages={"imitation": OWN})
    assert [episodes(run.config, node) for node in stages(run)] == [2 * 2 * 1, 3 * 3 * 4]


def test_a_dry_run_states_what_a_stage_has_of_its_own(
    model: Path, tmp_path: Path, rftcore: Callable[..., Done]
) -> None:
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(small(model, train=LINE, stages={"imitation": OWN})))
    done = rftcore("train", "run.yaml", "--dry-run")
    assert done.code == 0
    rows = [line.split() for line in done.out.splitlines() if line.strip().startswith("imitation(even:easy)")]
    assert [row[2:5] for row in rows[:2]] == [["2", "imitation", "4"], ["3", "grpo", "36"]]
    assert "imitation(...) has settings of its own: training.updates=2, training.groups=2" in " ".join(done.out.split())


def test_a_checkpoint_of_such_a_run_can_be_evaluated(finished: RunFolder, rftcore: Callable[..., Done]) -> None:
    of_run = ("--checkpoint", "imitation(even:easy)", "--runs", finished.path.parent, "--json")
    done = rftcore("evaluate", finished.path.name, *of_run)
    assert done.code == 0, done.err
    cells = json.loads(done.out)["cells"]
    assert {(cell["difficulty"], cell["tasks"], cell["k"]) for cell in cells} == {("easy", 2, 2), ("hard", 2, 2)}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"stages": {"imitation": {"trainin": {}}}}, "stages.imitation.trainin: unknown key; did you mean 'training'?"),
        (
            {"stages": {"imitation": {"learner": {"learning_rte": 1}}}},
            "stages.imitation.learner.learning_rte: unknown key; did you mean 'learning_rate'?",
        ),
        (
            {"stages": {"imitation": {"training": {"updates": True}}}},
            "stages.imitation.training.updates: found True, expected a number",
        ),
        (
            {"stages": {"imitaton": OWN}},
            "stages.imitaton: found the settings of no stage, expected a stage that names it; the stages name imit",
        ),
        (
            {"train": "even:easy", "stages": {"warm": OWN}},
            "stages.warm: found the settings of no stage, expected a stage that names it; such as train: "
            "warm(textcraft)>textcraft",
        ),
        (
            {"stages": {"imitation": {"learner": {"lora": {"rank": 4}}}}},
            "stages.imitation.learner.lora: expected that of the run",
        ),
        (
            {"train": {"name": "sequential", "train": LINE, "updates": [5, None]}, "stages": {"imitation": OWN}},
            "stages.imitation.training.updates: found 2, but the curriculum plans 5 updates of stage "
            "'imitation(even:easy)'; expected one of the two",
        ),
        (
            {"train": "tune(even)", "algorithms": {"tune": "grpo"}, "stages": {"tune": {"training": {"samples": 1}}}},
            "stages.tune.training.samples: found 1, expected 2 at least with algorithm 'grpo'",
        ),
        (
            {"stages": {"imitation": {"training": {"updates": 2}, "learner": {"warm_up": 2}}}},
            "learner.warm_up: found 2, expected less than the 2 updates of stage 'imitation(even:easy)'",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(changes: dict[str, Any], told: str, model: Path) -> None:
    with pytest.raises(ConfigError) as found:
        experiment(model, **{"train": LINE, **changes})
    assert told in str(found.value)


def test_a_weighted_mixture_has_an_algorithm_and_settings_of_its_own(model: Path) -> None:
    train = {"name": "sequential", "train": [{"imitation": {"even": 3, "third": 1}}, "even"]}
    run = experiment(model, train, environments={}, stages={"imitation": OWN})
    mixed, tuned = stages(run)
    assert (mixed.name, mixed.updates, mixed.stage.algorithm) == ("imitation(even+third)", 2, "imitation")
    assert [source.weight for source in mixed.stage.sources] == [3.0, 1.0]
    assert (tuned.name, tuned.updates, tuned.stage.algorithm) == ("imitation(even+third)>even", 3, None)
