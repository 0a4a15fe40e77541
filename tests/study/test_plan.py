"""The plan: what is one piece of work, what is another, and which task lists no fair study may have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from chance import Even  # type: ignore[import-not-found]

from rftcore import ConfigError, Experiment, Study, Task, registry
from rftcore.errors import SplitError
from rftcore.plan import Plan
from rftcore.schemas.frozen import digest
from rftcore.schemas.task import Split, manifest
from rftcore.specs import EnvironmentSpec
from tests.study.conftest import AXES, small


def plan_of(model: Path, *overrides: str, **fields: Any) -> Plan:
    return Study(small(model, **{"axes": AXES, "held_out": "installed", **fields}), overrides).blueprint.plan


def keys(plan: Plan) -> dict[str, str]:
    stages = {node.name: node.key for node in plan.stages}
    return stages | {f"{cell.train} on {cell.environment}:{cell.difficulty}": cell.key for cell in plan.cells}


def changed(model: Path, *overrides: str, **fields: Any) -> set[str]:
    before, after = keys(plan_of(model)), keys(plan_of(model, *overrides, **fields))
    return {name for name in before.keys() & after.keys() if before[name] != after[name]}


def test_every_piece_of_work_has_a_key_of_its_own_and_parents_come_first(model: Path) -> None:
    plan = plan_of(model)
    assert len(set(keys(plan).values())) == len(plan.stages) + len(plan.cells) == 5 + (1 + 5 + 2) * 4
    seen: set[str | None] = {None}
    for node in plan.stages:
        assert node.parent in seen
        seen.add(node.key)
    assert [node.name for node in plan.chain("even:easy>third")] == ["even:easy", "even:easy>third"]
    assert plan.chain("base") == []
    assert plan.trained_in("even:easy>third") == {"even", "third"}


def test_a_stage_draws_from_the_difficulty_it_names_or_from_all(model: Path) -> None:
    plan = plan_of(model)
    easy, whole = plan.chain("even:easy>third")
    assert plan.drawn(easy) == [("even", "easy")]
    assert plan.drawn(whole) == [("third", "easy"), ("third", "hard")]
    assert plan.trained_on("even:easy>third") == {("even", "easy"), ("third", "easy"), ("third", "hard")}
    assert plan.trained_on("base") == frozenset()


def test_changing_the_evaluation_leaves_what_is_trained(model: Path) -> None:
    found = changed(model, "evaluation.samples=3")
    assert found == {name for name in keys(plan_of(model)) if " on " in name}


def test_where_jobs_run_and_how_often_they_save_changes_nothing(model: Path) -> None:
    assert changed(model, "training.checkpoint_every=7", "executor=processes", "name=other") == set()


def test_options_of_an_environment_touch_only_what_plays_in_it(model: Path) -> None:
    found = changed(model, environments={"even": {}, "third": {"max_turns": 2}})
    own = {"third", "even:easy>third", "even:easy+third"}
    expected = {name for name in keys(plan_of(model)) if "on third" in name or name.partition(" on ")[0] in own}
    assert found == expected


def test_a_longer_first_stage_is_another_start_for_the_second(model: Path) -> None:
    assert "even:easy>even:hard" in changed(model, "training.updates=4")


def test_a_reference_policy_does_not_depend_on_the_sampler(model: Path) -> None:
    found = changed(model, "sampling.temperature=0.5")
    assert not {name for name in found if name.startswith(("random", "oracle"))}
    assert "base on even:easy" in found


def test_two_versions_of_a_behaviour_are_two_trainings(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(plan_of(model))
    monkeypatch.setattr(registry, "spec", lambda kind, name, real=registry.spec: _newer(real(kind, name)))
    after = keys(plan_of(model))
    assert {name for name in before if before[name] == after[name]} == {
        f"{name} on third:{difficulty}" for name in ("base", "random", "oracle") for difficulty in ("easy", "hard")
    }


def _newer(spec: Any) -> Any:
    from dataclasses import replace

    return replace(spec, version="2") if spec.name in ("grpo", "even") else spec


def test_curricula_that_pick_alike_share_their_equal_stages(model: Path) -> None:
    written = [{"name": "easy_to_hard", "environment": "even"}, "even:easy>even:hard", "even:easy"]
    plan = plan_of(model, axes={"difficulty": written})
    assert [node.name for node in plan.stages] == ["even:easy", "even:easy>even:hard"]
    assert plan.axes == {"difficulty": ("even:easy>even:hard", "even:easy")}


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (
            [{"name": "mixture", "train": {"even": 2, "third": 1}}, "even+third"],
            "two different trainings are called 'even+third': mixture (even 2, third 1; 3 updates) and "
            "mixture (even 1, third 1; 3 updates). Train them in runs of their own",
        ),
        (
            [{"name": "single", "train": "even", "updates": 5}, "even"],
            "two different trainings are called 'even': single (even 1; 5 updates) and single (even 1; 3 updates). "
            "Train them in runs of their own",
        ),
        (
            ["even", {"name": "horizon", "train": "even", "turns": [1, 2]}],
            "two different trainings are called 'even': single (even 1; 3 updates) and "
            "horizon (even 1; 3 updates, turn limits 1, 2). Train them in runs of their own",
        ),
    ],
)
def test_two_trainings_of_one_name_are_refused(model: Path, items: list[Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        plan_of(model, axes={"sequence": items})
    assert str(error.value) == said


def test_what_is_named_twice_is_done_once(model: Path) -> None:
    plan = plan_of(
        model,
        axes={"difficulty": ["even", "even"], "sequence": ["even"]},
        references=["random", "random"],
        evaluation={"environments": ["even", "even"], "tasks": 2},
    )
    assert plan.axes == {"difficulty": ("even",), "sequence": ("even",)}
    assert [(cell.train, cell.difficulty) for cell in plan.cells] == [
        (train, difficulty) for train in ("base", "even", "random") for difficulty in ("easy", "hard")
    ]


def test_an_experiment_shows_every_checkpoint_on_its_way(model: Path) -> None:
    plan = Experiment(small(model, train="even:easy>even:hard>third")).blueprint.plan
    assert plan.axes == {"sequence": ("even:easy", "even:easy>even:hard", "even:easy>even:hard>third")}


class Odd(Even):  # type: ignore[misc]
    name = "odd"
    fault = ""

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        tasks = list(super().tasks(split, difficulty))
        if self.fault == "overlap" and (split, difficulty) == ("test", "hard"):
            return [tasks[0], *super().tasks("train", "easy")]
        if self.fault == "renamed" and (split, difficulty) == ("test", "hard"):
            own = super().tasks("train", "hard")[5]
            return [*tasks, own.model_copy(update={"id": "odd/hard/test/new", "split": "test"})]
        if self.fault == "none" and split == "test":
            return []
        return [tasks[0], *tasks] if self.fault == "twice" else tasks

    def start(self, task: Task) -> Any:
        if self.fault == "no java":
            raise ConfigError("no Java here")
        episode = super().start(task)
        if self.fault == "unsteady":
            type(self).starts += 1
            episode.observation += str(self.starts)
        return episode

    starts = 0


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> type[Odd]:
    monkeypatch.setattr(registry, "_added", {})
    monkeypatch.setattr(Odd, "fault", "")
    registry.add(EnvironmentSpec(name="odd", target=f"{__name__}:Odd", summary="faulty"))
    return Odd


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("overlap", "task 'odd/easy/train/0' of odd is in easy/train and in hard/test; expected one"),
        ("twice", "task 'odd/easy/train/0' of odd is in easy/train and in easy/train; expected one"),
        (
            "renamed",
            "the test task 'odd/hard/test/new' of odd has the content of the train task 'odd/hard/train/5'; expected "
            "none in common: report it to the authors of the environment",
        ),
        ("none", "odd lists no test tasks of difficulty 'easy'"),
    ],
)
def test_task_lists_that_no_fair_study_can_have_are_refused(
    model: Path, odd: type[Odd], monkeypatch: pytest.MonkeyPatch, fault: str, said: str
) -> None:
    monkeypatch.setattr(odd, "fault", fault)
    with pytest.raises(SplitError) as error:
        Experiment(small(model, train="odd", environments={}))
    assert str(error.value) == said


def test_an_environment_that_begins_differently_is_refused_when_it_is_played(
    model: Path, odd: type[Odd], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(odd, "fault", "unsteady")
    experiment = Experiment(small(model, train="odd", environments={}))
    with pytest.raises(SplitError, match=r"task 'odd/easy/train/0' begins with .*2' and, started again, with .*3'"):
        experiment.run(tmp_path)


def test_an_environment_that_cannot_start_is_told_before_anything_is_trained(
    model: Path, odd: type[Odd], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(odd, "fault", "no java")
    experiment = Experiment(small(model, train="even", environments={"odd": {}}))
    with pytest.raises(ConfigError, match="no Java here"):
        experiment.run(tmp_path)
    assert not (tmp_path / "small" / "stages").exists()


def test_a_manifest_pins_the_order_and_the_content_of_a_task_list(model: Path) -> None:
    tasks = Even().tasks("test", "easy")
    assert plan_of(model).manifests["even/easy/test"] == manifest(tasks)
    assert manifest(tasks) != manifest(list(reversed(tasks)))
    assert manifest(tasks) != manifest([tasks[0].model_copy(update={"answer": "private"}), *tasks[1:]])


def test_the_quick_digest_of_a_task_is_that_of_its_whole_content() -> None:
    task = Task(
        environment="e",
        id="e/easy/test/\u2028\u00e9",
        split="test",
        difficulty="easy",
        seed=3,
        data={"b": [1, 2.5, None, True], "a": {"z": "\u00fc"}},
        answer=["x"],
    )
    assert task.digest == digest(task.model_dump(mode="json", exclude={"family"}))
    assert task.digest == task.model_copy(update={"family": "ladder"}).digest  # it changes no episode
    assert task.digest.startswith("2bb0b1afa9cd")  # a change here changes the id of every run there is
