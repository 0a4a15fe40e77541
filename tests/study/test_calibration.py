"""A split by calibration: what is played, what is written, how a run uses it, and what is refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import ConfigError, RunError, Study, calibration
from rftcore.calibrated import LARGEST, Calibrated, read_calibration
from rftcore.calibration import calibrate, part_of
from rftcore.experiment import evaluate_cell
from rftcore.models import fingerprint
from rftcore.schemas.calibration import Calibration
from rftcore.schemas.config import EvaluationConfig
from tests.specimens.chance import Even, Third
from tests.study.conftest import small

Edit = Callable[[Callable[[dict[str, Any]], None]], Path]


def random_on(environment: str = "even", **changes: Any) -> EvaluationConfig:
    return EvaluationConfig(policy="random", environments={environment: {}}, **changes)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A calibration of `even` by the random policy."""
    calibrate(random_on(), "even", tmp_path / "even.json", k=4)
    return tmp_path / "even.json"


@pytest.fixture
def edited(made: Path) -> Edit:
    """Return a function that changes the calibration and gives its file."""

    def edit(change: Callable[[dict[str, Any]], None]) -> Path:
        content = json.loads(made.read_text())
        change(content)
        made.write_text(json.dumps(content))
        return made

    return edit


def test_every_task_is_played_k_times_and_divided_by_the_threshold(made: Path) -> None:
    found = read_calibration(made)
    assert set(found.pass_rates) == {
        f"even/{difficulty}/{split}/{n}"
        for difficulty in ("easy", "hard")
        for split in ("train", "test")
        for n in range(8)
    }
    assert set(found.pass_rates.values()) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    for split in ("train", "test"):
        of_split = {key: rate for key, rate in found.pass_rates.items() if f"/{split}/" in key}
        assert set(found.easy[split]) == {key for key, rate in of_split.items() if rate is not None and rate >= 0.5}
        assert set(found.easy[split]) | set(found.hard[split]) == set(of_split)
    assert (found.policy.name, found.policy.identity, found.policy.is_model) == ("random", "1", False)
    assert (found.k, found.threshold, found.options) == (4, 0.5, {"max_turns": 3})
    assert not part_of(made).exists()


def test_an_expert_finds_everything_easy(tmp_path: Path) -> None:
    found = calibrate(
        EvaluationConfig(policy="oracle", environments={"even": {}}), "even", tmp_path / "o.json", k=1, tasks=3
    )
    assert found.hard == {"train": (), "test": ()}
    assert found.easy["test"] == tuple(f"even/{level}/test/{n}" for n in range(3) for level in ("easy", "hard"))
    assert set(found.pass_rates.values()) == {1.0}


def test_a_model_is_identified_by_its_weights_and_how_it_was_asked(model: Path, tmp_path: Path) -> None:
    config = EvaluationConfig(model=str(model), environments={"even": {}}, sampling={"max_new_tokens": 3})
    found = calibrate(config, "even", tmp_path / "m.json", k=2, tasks=2, splits=("train",))
    assert found.policy.identity == fingerprint(str(model))
    assert found.policy.settings["sampling"] == {"temperature": 1.0, "max_new_tokens": 3}
    assert set(found.manifests) == {"easy/train", "hard/train"}
    assert len(found.pass_rates) == 4


def test_one_that_was_stopped_goes_on_to_the_same_file(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "CHUNK", 5)
    again, told = tmp_path / "again.json", []

    def stop(done: float, total: float, remark: str) -> None:
        if done > 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(random_on(), "even", again, k=4, report=stop)
    assert not again.exists()
    with part_of(again).open("a") as file:
        file.write('{"task": "cut of')  # as a killed writer leaves it
    calibrate(random_on(), "even", again, k=4, report=lambda done, total, remark: told.append((done, total)))
    assert told[0] == (10, 32)
    assert again.read_bytes() == made.read_bytes()
    assert not part_of(again).exists()


def test_a_result_that_is_there_is_returned_and_never_replaced_by_another(made: Path) -> None:
    before = made.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "player", None)  # nobody plays again
        assert calibrate(random_on(), "even", made, k=4) == read_calibration(made)
    with pytest.raises(ConfigError, match="holds another calibration, with other k, seed; choose another --out"):
        calibrate(random_on(seed=1), "even", made, k=2)
    assert made.read_bytes() == before
    made.unlink()
    part_of(made).write_text('{"calibration": "0123"}\n')
    with pytest.raises(ConfigError, match=r"even.json.part' is what is left of another calibration"):
        calibrate(random_on(), "even", made, k=4)


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_thresholds_without_meaning_are_refused(tmp_path: Path, threshold: float) -> None:
    with pytest.raises(ConfigError, match=r"threshold: found .*, expected a share above 0 and at most 1"):
        calibrate(random_on(), "even", tmp_path / "no.json", k=1, threshold=threshold)


def test_a_calibrated_task_has_an_identity_of_its_own_and_is_played_as_it_was(made: Path) -> None:
    found = read_calibration(made)
    world = Calibrated(Even(), found)
    assert (world.name, world.difficulties, world.max_turns, world.returns) == ("even", ("easy", "hard"), 3, "last")
    originals = {task.id: task for split in ("train", "test") for task in Even().tasks(split, "hard")}  # type: ignore[arg-type]
    eased = next(task for task in world.tasks("train", "easy") if "/hard/" in task.id)
    mark, key = eased.id.removeprefix("even/easy/train/calibrated-").split("/", 1)
    original = originals[f"even/hard/train/{key.removeprefix('hard/')}"]
    assert (len(mark), eased.difficulty, eased.split, eased.seed) == (12, "easy", "train", original.seed)
    assert eased.digest != original.digest
    episode = pickle.loads(pickle.dumps(world)).start(eased)
    assert episode.observation == Even().start(original).observation
    assert [episode.step("f").terminated for _ in range(2)] == [False, True], "hard tasks of even need two answers"


def test_facts_leave_out_what_is_true_of_the_own_difficulties_only(made: Path) -> None:
    class Telling(Even):
        def facts(self) -> dict[str, str | int | float | bool]:
            return {"feedback": "every turn", "expert_turns_easy": 1.0}

    assert Calibrated(Telling(), read_calibration(made)).facts() == {
        "feedback": "every turn",
        "calibrated_by": "random",
        "calibration_k": 4,
        "calibration_threshold": 0.5,
    }
    assert Calibrated(Telling(max_turns=4), read_calibration(made)).facts()["calibrated_with_other"] == "max_turns"


def study(model: Path, file: Path) -> Study:
    return Study(small(model, calibration={"even": str(file)}, axes={"difficulty": ["even:easy"]}))


def test_a_run_uses_the_split_and_its_id_follows_the_content_not_the_path(
    model: Path, made: Path, edited: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Study(small(model, axes={"difficulty": ["even:easy"]}))
    first = study(model, made)
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "copy.json"
    copy.write_bytes(made.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert study(model, copy).id == study(model, Path("elsewhere/copy.json")).id == first.id != plain.id
    listed = first.blueprint.environments["even"].tasks("test", "easy")
    assert [task.id.split("/", 4)[4] for task in listed] == [
        key.replace("/test/", "/").removeprefix("even/") for key in read_calibration(made).easy["test"]
    ]
    report = first.run(tmp_path / "runs")
    assert report.facts["even"]["calibrated_by"] == "random"
    assert {cell.difficulty for cell in report.axes.difficulty} == {"easy", "hard"}
    edited(lambda content: content.update(seed=5))
    assert study(model, made).id != first.id


def test_a_run_does_not_go_on_with_another_split_than_it_began_with(
    model: Path, made: Path, edited: Edit, tmp_path: Path
) -> None:
    begun = study(model, made)
    folder = begun.create(tmp_path / "runs")
    edited(lambda content: content.update(seed=5))
    job = {"run": str(folder.path), "key": begun.blueprint.plan.cells[0].key}
    with pytest.raises(RunError, match=r"the task list even/easy/test has changed since this run was made"):
        evaluate_cell(job, lambda done, total, remark: None)


def test_a_file_of_another_environment_or_of_other_tasks_is_refused(model: Path, made: Path, edited: Edit) -> None:
    found = read_calibration(made)
    with pytest.raises(ConfigError, match="found a calibration of even, expected one of third"):
        Calibrated(Third(), found)
    with pytest.raises(ConfigError, match=r"calibration.odd: this run has no such environment; expected even"):
        Study(small(model, calibration={"odd": str(made)}, axes={"difficulty": ["even:easy"]}))
    edited(lambda content: content["manifests"].update({"huge/test": "0" * 64}))
    with pytest.raises(ConfigError, match="is of the list 'huge/test', which even does not have"):
        study(model, made)
    edited(lambda content: content.update(manifests={"hard/test": "0" * 64}))
    with pytest.raises(ConfigError, match=r"list hard/test of even has changed since .* \(sha256 000000000000, now"):
        study(model, made)
    edited(lambda content: content.update(environment_version="0"))
    with pytest.raises(ConfigError, match=r"calibration.even: found one for behaviour version 0, expected 1"):
        study(model, made)


def test_a_file_that_does_not_hang_together_is_refused(edited: Edit) -> None:
    def moves(content: dict[str, Any]) -> None:
        content["hard"]["test"].append(content["easy"]["test"].pop())

    with pytest.raises(ConfigError, match="the list 'easy' to follow from pass_rates and threshold"):
        read_calibration(edited(moves))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ("[1]", "expected a mapping"),
        ('{"schema_version": 2}', "schema_version"),
        ('{"environment": "even", "tusks": 3}', "tusks: unknown key; did you mean 'tasks'"),
    ],
)
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        read_calibration(file)


def test_files_that_are_missing_or_far_too_large_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: No such file.*`rftcore calibrate` makes one"):
        read_calibration(tmp_path / "none.json")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(ConfigError, match="bytes, expected at most"):
        read_calibration(tmp_path / "large.json")


def test_a_difficulty_without_tasks_says_how_to_get_some(tmp_path: Path) -> None:
    config = EvaluationConfig(policy="oracle", environments={"even": {}})
    world = Calibrated(Even(), calibrate(config, "even", tmp_path / "o.json", k=1, splits=("test",)))
    assert len(world.tasks("test", "easy")) == 16
    for split, difficulty in (("test", "hard"), ("train", "easy")):
        with pytest.raises(ConfigError, match=f"has no {difficulty} {split} tasks; calibrate both splits"):
            world.tasks(split, difficulty)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="found difficulty 'medium', expected one of: easy, hard"):
        world.tasks("test", "medium")


def test_an_instance_that_is_calibrated_is_no_environment_of_a_configuration(made: Path) -> None:
    world = Calibrated(Even(), read_calibration(made))
    with pytest.raises(ConfigError, match=r"found one with other task lists .*expected its original"):
        Study(environments=[world], axes={"difficulty": ["even:easy"]})
    with pytest.raises(ConfigError, match="found one to be used, expected none where one is made"):
        calibrate(random_on(calibration={"even": str(made)}), "even", made, k=1)


def test_tasks_that_the_machine_spoiled_are_in_neither_list(made: Path, edited: Edit) -> None:
    spoiled = read_calibration(made).easy["test"][0]

    def spoil(content: dict[str, Any]) -> None:
        content["pass_rates"][spoiled] = None
        content["easy"]["test"].remove(spoiled)

    world = Calibrated(Even(), read_calibration(edited(spoil)))
    ids = [task.id for difficulty in world.difficulties for task in world.tasks("test", difficulty)]
    assert len(ids) == 15
    assert not any(key.endswith(spoiled.replace("/test/", "/").removeprefix("even")) for key in ids)


def test_the_schema_is_versioned(made: Path) -> None:
    assert json.loads(made.read_text())["schema_version"] == Calibration.model_fields["schema_version"].default == 1
