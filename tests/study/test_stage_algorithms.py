"""A stage with an algorithm of its own: SFT then RFT is one experiment. Teachers are experts, recordings, the agent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chance  # type: ignore[import-not-found]
import pytest
import yaml

from rftcore import ConfigError, Experiment, RunError, Study
from rftcore.display import Display
from rftcore.errors import PluginError
from rftcore.executor import Progress
from rftcore.records import RunFolder, read_groups, read_lines
from rftcore.study import run_folder
from rftcore_imitation.algorithm import Imitation
from tests.study.conftest import Done, in_child, kill_myself, report_of, small

LINE = "imitation(even:easy)>even:easy"
COMMON: dict[str, Any] = {
    "sampling": {"max_new_tokens": 4},  # chance says three letters and ends its turn
    "evaluation": {"tasks": 2, "samples": 2},
    "references": [],
}


def experiment(model: Path | str, train: str = LINE, **changes: Any) -> Experiment:
    return Experiment(small(model, **{**COMMON, "train": train, **changes}))


@pytest.fixture(scope="module")
def recorded(model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run of SFT on experts that err, then RFT, which kept its trajectories."""
    from tests.study.conftest import small_world

    root = tmp_path_factory.mktemp("recorded")
    with small_world():
        training = {"updates": 3, "groups": 3, "samples": 4, "checkpoint_every": 1, "record": True}
        experiment(model, algorithms={"imitation": {"noise": 0.5}}, training=training).run(root)
    return RunFolder(root / "small")


def test_yaml_mapping_and_live_components_are_one_run(model: Path, tmp_path: Path) -> None:
    train, algorithms = "warm(even:easy)>even:easy", {"warm": {"name": "imitation", "noise": 0.25}}
    plain = experiment(model, train, algorithms=algorithms)
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(small(model, **COMMON, train=train, algorithms=algorithms)))
    live = small(model, **COMMON, train=train, algorithms={"warm": Imitation(noise=0.25)})
    assert Experiment(tmp_path / "run.yaml").id == plain.id
    assert Experiment(**live).id == plain.id
    assert Experiment(tmp_path / "run.yaml", ["algorithms.warm.noise=0.5"]).id != plain.id
    assert Experiment(tmp_path / "run.yaml", ["algorithms.warm.noise=0.5", "algorithms.warm.noise=0.25"]).id == plain.id


def test_an_algorithm_without_an_entry_has_its_defaults(model: Path) -> None:
    assert experiment(model).id == experiment(model, algorithms={"imitation": {}}).id
    assert experiment(model).config.algorithms["imitation"].options == Imitation.Config().model_dump()


def test_runs_that_name_no_algorithm_say_nothing_of_them(model: Path) -> None:
    record = experiment(model, "even:easy").blueprint.record()
    assert "algorithms" not in record["config"]
    assert "record" not in record["config"]["training"]
    assert "recordings" not in record["plan"]
    assert "algorithm" not in record["plan"]["stages"][0]["stage"]


def test_a_study_trains_a_shared_warm_start_once(model: Path) -> None:
    axes = {"difficulty": [LINE, "imitation(even:easy)>even:hard"], "transfer": ["even:easy"]}
    plan = Study(small(model, axes=axes)).blueprint.plan
    assert [stage.name for stage in plan.stages] == [
        "imitation(even:easy)",
        "imitation(even:easy)>even:easy",
        "imitation(even:easy)>even:hard",
        "even:easy",
    ]
    warm, first, second, plain = plan.stages
    assert (warm.parent, first.parent, second.parent, plain.parent) == (None, warm.key, warm.key, None)
    assert plan.specs["algorithm/imitation"] == plan.specs["algorithm/grpo"] == "1"


def test_the_stages_of_a_run_learn_from_demonstrations_and_then_from_samples(recorded: RunFolder) -> None:
    report = report_of(recorded.path)
    warm, tuned = report["stages"]
    assert [update["success"] > 0 for update in warm["curve"]] == [True] * 3
    assert warm["budget"]["sampled_tokens"] == 0
    assert warm["budget"]["demonstrated_tokens"] > warm["curve"][0]["learned_tokens"] > 0
    assert warm["curve"][-1]["loss"] < warm["curve"][0]["loss"]
    assert (warm["sampler_gap"], warm["drift"]) == (None, 0)
    assert "demonstrated_tokens" not in tuned["budget"]
    assert tuned["budget"]["sampled_tokens"] > 0
    assert tuned["sampler_gap"] < 1e-3
    assert "sampled or demonstrated" in (recorded.path / "report.html").read_text(encoding="utf-8")


def test_what_a_stage_learned_from_is_kept_update_by_update(recorded: RunFolder) -> None:
    plan = recorded.record()["plan"]
    for stage in plan["stages"]:
        told = read_lines(recorded.stage(stage["key"]) / "updates.jsonl")
        for update in told:
            groups = read_groups(recorded.trajectories(stage["key"], update["update"]))
            assert sum(len(group.trajectories) for group in groups) == update["episodes"] == 12
            kept = sorted((each.task.id, each.ret) for group in groups for each in group.trajectories)
            assert kept == sorted((group["task"], ret) for group in update["groups"] for ret in group["returns"])


def test_to_keep_trajectories_changes_no_number_and_no_id(recorded: RunFolder, model: Path, tmp_path: Path) -> None:
    plain = experiment(model, algorithms={"imitation": {"noise": 0.5}})
    assert plain.id == recorded.record()["id"]
    assert not list(tmp_path.rglob("trajectories"))


def test_a_run_killed_in_sft_and_again_in_rft_ends_with_the_numbers_of_one_that_was_not(
    recorded: RunFolder, model: Path, tmp_path: Path, differences: Callable[[Any, Any], list[str]]
) -> None:
    class Killer(Display):
        def __init__(self, job: int, done: int) -> None:
            self.job, self.done = job, done

        def plan(self, jobs: Any, slots: int) -> None:
            self.id = jobs[self.job].id

        def progress(self, progress: Progress) -> None:
            if progress.job == self.id and progress.done == self.done:
                kill_myself()

    again = experiment(model, algorithms={"imitation": {"noise": 0.5}})
    for job, done in ((0, 2), (0, 3), (1, 1)):  # in SFT, when its updates are all made, and in RFT
        assert in_child(lambda job=job, done=done: again.run(tmp_path, display=Killer(job, done))) == -9
    again.run(tmp_path)
    ours, theirs = report_of(tmp_path / "small"), report_of(recorded.path)
    for report in (ours, theirs):
        report["study"]["config"]["training"].pop("record", None)
    assert differences(ours, theirs) == []


def test_another_run_learns_from_a_runs_trajectories(recorded: RunFolder, model: Path, tmp_path: Path) -> None:
    source = {"imitation": {"source": str(recorded.path)}}
    room = {"max_new_tokens": 16}  # what was no text in the recording model's tokens takes more of them
    report = experiment(model, "imitation(even:easy)", algorithms=source, sampling=room).run(tmp_path)
    (stage,) = report.stages
    assert stage.curve[0]["demonstrated_tokens"] > 0
    assert stage.curve[-1]["loss"] < stage.curve[0]["loss"]  # type: ignore[operator]
    assert stage.drift == 0
    assert list(report.provenance["recordings"]) == [recorded.path.name]  # type: ignore[arg-type,call-overload]


def test_the_id_covers_what_is_recorded_and_not_where(recorded: RunFolder, model: Path, tmp_path: Path) -> None:
    def learning(place: Path) -> Experiment:
        return experiment(model, algorithms={"imitation": {"source": str(place)}})

    moved = tmp_path / "moved"
    shutil.copytree(recorded.path, moved)
    run = learning(moved)
    assert run.id == learning(recorded.path).id
    as_own = {"algorithm": {"name": "imitation", "source": str(recorded.path)}}
    as_moved = {"algorithm": {"name": "imitation", "source": str(moved)}}
    assert experiment(model, "even:easy", **as_own).id == experiment(model, "even:easy", **as_moved).id
    folder = run.create(tmp_path)
    next(moved.glob("stages/*/trajectories/000002.jsonl")).unlink()
    assert learning(moved).id != run.id
    with pytest.raises(RunError, match=r"recorded trajectories .*moved: what they hold is not what it was"):
        run_folder(folder)


def test_only_the_agents_own_successes_are_learned_from(model: Path, tmp_path: Path) -> None:
    own = {"name": "imitation", "source": "self", "per_task": 2}
    run = experiment(model, "even:easy", algorithm=own, training={"updates": 4, "groups": 4, "samples": 8})
    (stage,) = run.run(tmp_path).stages
    first = stage.curve[0]
    assert 0 < first["rows"] <= 8  # type: ignore[operator]
    assert first["learned_tokens"] < first["sampled_tokens"]  # type: ignore[operator]
    assert stage.drift == 0
    assert stage.sampler_gap is not None and stage.sampler_gap < 1e-3
    assert stage.warnings == []
    checkpoint = RunFolder(tmp_path / "small").stage(run.blueprint.plan.stages[0].key) / "checkpoint"
    assert (checkpoint / "model.safetensors").read_bytes() != (model / "model.safetensors").read_bytes()


def test_where_nothing_succeeds_the_weights_stay_and_the_run_says_so(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chance.Even, "right", lambda self, answer: False)
    run = experiment(model, "even:easy", algorithm={"name": "imitation", "source": "self"})
    with pytest.warns(RuntimeWarning, match="imitation of 'self': none of 12 trajectories succeeded"):
        report = run.run(tmp_path)
    (stage,) = report.stages
    assert [update["rows"] for update in stage.curve] == [0, 0, 0]
    assert stage.warnings == [
        "3 of 3 updates taught nothing, because no trajectory had any credit: the weights stayed as they were"
    ]
    checkpoint = RunFolder(tmp_path / "small").stage(run.blueprint.plan.stages[0].key) / "checkpoint"
    assert (checkpoint / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


def test_an_environment_without_an_expert_is_found_before_anything_is_trained(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chance.Answering, "expert_action", lambda self: None)
    told = r"even:easy>imitation\(even:hard\): even has no expert .*'even/hard/train/0'"
    with pytest.raises(ConfigError, match=told):
        experiment(model, "even:easy>imitation(even:hard)").run(tmp_path)
    assert not (tmp_path / "small" / "stages").exists()


@pytest.mark.parametrize(
    ("train", "changes", "error", "told"),
    [
        ("imitaton(even)>even", {}, PluginError, "did you mean 'imitation'"),
        (LINE, {"algorithms": {"imitation": {"nois": 0.1}}}, ConfigError, "algorithms.imitation.nois: unknown key"),
        (LINE, {"algorithms": {"warm": {"name": "imitation"}}}, ConfigError, "algorithms.warm: found the algorithm"),
        ("imitation(even)+third", {}, ConfigError, "cannot read 'imitation(even)'"),
        (LINE, {"algorithms": {"imitation": {"source": "nowhere.jsonl"}}}, ConfigError, "nowhere.jsonl' is not there"),
        (LINE, {"algorithms": {"imitation": {"noise": 2}}, "seed": "x"}, ConfigError, "algorithms.imitation.noise"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    train: str, changes: dict[str, Any], error: type[Exception], told: str, model: Path
) -> None:
    with pytest.raises(error) as found:
        experiment(model, train, **changes)
    assert told in str(found.value)


def test_a_dry_run_names_the_algorithm_and_the_episodes_of_each_stage(
    model: Path, tmp_path: Path, rftcore: Callable[..., Done]
) -> None:
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(small(model, train=LINE)))
    done = rftcore("train", "run.yaml", "--dry-run")
    assert done.code == 0
    rows = [line.split() for line in done.out.splitlines() if line.strip().startswith("imitation(even:easy)")]
    # 3 updates of 3 groups: once by the expert, 4 times by the model.
    assert [row[2:5] for row in rows[:2]] == [["3", "imitation", "9"], ["3", "grpo", "36"]]
