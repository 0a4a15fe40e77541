"""A study from end to end: what is trained once, what is written, and that equal runs give equal reports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment, RunError, Study
from rftcore.blueprint import load_record
from rftcore.display import Display
from rftcore.executor import Progress
from rftcore.provenance import versions as versions_of
from rftcore.records import RunFolder, line, read_groups, read_lines
from rftcore.report.build import _facts, build_report
from rftcore.runlog import seconds_worked
from rftcore.study import Evaluation, run_folder
from rftcore.train.chat import load_tokenizer
from tests.specimens.chance import Even
from tests.study.conftest import report_of, small

Differences = Callable[[Any, Any], list[str]]


class Diary(Display):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.planned: list[str] = []
        self.done: list[str] = []
        self.errors: list[str] = []
        self.last: dict[str, Progress] = {}

    def plan(self, jobs: Any, slots: int) -> None:
        self.labels = {job.id: job.label for job in jobs}
        self.planned = [job.label for job in jobs]

    def progress(self, progress: Progress) -> None:
        self.last[self.labels[progress.job]] = progress

    def finished(self, job: str) -> None:
        self.done.append(self.labels[job])

    def failed(self, job: str, error: BaseException) -> None:
        self.errors.append(self.labels[job])


def test_the_same_seed_gives_the_same_report_and_another_seed_another(
    model: Path, tmp_path: Path, differences: Differences
) -> None:
    for name in ("first", "second"):
        Experiment(small(model, train="even:easy>third")).run(tmp_path / name)
    first, second = (report_of(tmp_path / name / "small") for name in ("first", "second"))
    assert differences(first, second) == []
    assert first["finished_at"]
    Experiment(small(model, train="even:easy>third", seed=1)).run(tmp_path / "third")
    assert any(line.startswith("stages[0].curve") for line in differences(first, report_of(tmp_path / "third/small")))


def test_jobs_in_processes_give_the_report_of_jobs_in_this_process(
    model: Path, tmp_path: Path, differences: Differences
) -> None:
    config = small(model, train="even", training={"updates": 2, "groups": 2, "samples": 3})
    Experiment(config).run(tmp_path / "inline")
    side_by_side = {"name": "processes", "workers": 2}
    diary = Diary()
    Experiment({**config, "executor": side_by_side}).run(tmp_path / "processes", display=diary)
    inline, processes = (report_of(tmp_path / where / "small") for where in ("inline", "processes"))
    assert [report["provenance"]["hardware"]["executor"] for report in (inline, processes)] == ["inline", "processes"]
    assert differences(inline, processes) == []
    assert sorted(diary.done) == sorted(diary.planned)
    assert diary.last["train even"].remark.startswith("success ")


def test_stages_that_lines_share_are_trained_once_and_every_checkpoint_is_evaluated_everywhere(
    study_folder: RunFolder,
) -> None:
    report = report_of(study_folder.path)
    names = [stage["name"] for stage in report["stages"]]
    assert names == ["even:easy", "even:easy>even:hard", "third", "even:easy>third", "even:easy+third"]
    assert [stage["parent"] for stage in report["stages"]] == ["base", "even:easy", "base", "even:easy", "base"]
    assert len(list((study_folder.path / "stages").iterdir())) == 5
    started = [event for event in read_lines(study_folder.path / "events.jsonl") if event["event"] == "UpdateFinished"]
    assert len(started) == 5 * 3
    rows = {axis: list(dict.fromkeys(cell["train"] for cell in cells)) for axis, cells in report["axes"].items()}
    assert rows == {
        "difficulty": ["base", "even:easy", "even:easy>even:hard"],
        "transfer": ["base", "third"],
        "sequence": ["base", "even:easy>third", "even:easy+third"],
    }
    for cells in report["axes"].values():
        for train in {cell["train"] for cell in cells}:
            places = [(cell["environment"], cell["difficulty"]) for cell in cells if cell["train"] == train]
            assert places == [("even", "easy"), ("even", "hard"), ("third", "easy"), ("third", "hard")]


def test_held_out_installed_adds_every_other_environment_and_roles_say_where_it_was_trained(
    study_folder: RunFolder,
) -> None:
    report = report_of(study_folder.path)
    roles = {(cell["train"], cell["environment"]): cell["role"] for cell in report["axes"]["difficulty"]}
    assert roles == {
        ("base", "even"): "base",
        ("base", "third"): "base",
        ("even:easy", "even"): "held-in",
        ("even:easy", "third"): "held-out",
        ("even:easy>even:hard", "even"): "held-in",
        ("even:easy>even:hard", "third"): "held-out",
    }
    assert {cell["role"] for cell in report["axes"]["transfer"] if cell["train"] == "third"} == {"held-in", "held-out"}
    assert {(cell["train"], cell["role"]) for cell in report["references"]} == {
        ("random", "reference"),
        ("oracle", "reference"),
    }
    assert all(cell["avg_at_k"] == 1.0 for cell in report["references"] if cell["train"] == "oracle")
    assert set(report["facts"]) == set(report["study"]["config"]["environments"]) == {"even", "third"}
    assert [report["facts"][name]["vocabulary_shared"] for name in ("even", "third")] == [
        {"even": 1.0, "third": 1.0}
    ] * 2


class Wordy(Even):
    """Half of its words, in whatever case, are words of `Even`, which has fourteen."""

    def vocabulary(self) -> tuple[str, ...]:
        return ("Yes, NO; yes!", "over there")


def test_facts_hold_the_share_of_words_that_each_environment_trained_in_has_too() -> None:
    facts = _facts({"even": Even(), "wordy": Wordy()}, {"even", "wordy"})
    assert facts["wordy"]["vocabulary_shared"] == {"even": 0.5, "wordy": 1.0}
    assert facts["even"]["vocabulary_shared"] == {"even": 1.0, "wordy": round(2 / 14, 4)}
    assert "vocabulary_shared" not in _facts({"even": Even()}, set())["even"]


def test_what_is_trained_is_what_was_sampled(study_folder: RunFolder) -> None:
    stages = report_of(study_folder.path)["stages"]
    # Single stages of so few episodes may find no variance to learn from.
    assert any(line["rows"] > 0 for stage in stages for line in stage["curve"])
    for stage in stages:
        assert stage["drift"] == 0
        assert stage["sampler_gap"] is None or 0 <= stage["sampler_gap"] < 1e-4
        assert stage["budget"]["episodes"] == 3 * 3 * 4


def test_groups_without_variance_are_reported(model: Path, tmp_path: Path) -> None:
    frozen = small(model, train="even:easy", sampling={"max_new_tokens": 3, "temperature": 1e-4})
    report = Experiment(frozen).run(tmp_path)
    assert [line["zero_variance"] for line in report.stages[0].curve] == [1.0, 1.0, 1.0]
    assert report.stages[0].warnings[0].startswith("100% of the groups had no variance")
    assert report.stages[0].sampler_gap is None


def test_a_sampler_that_does_not_play_what_is_trained_is_a_warning(study_folder: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(study_folder.path, tmp_path / "copy")
    folder = RunFolder(tmp_path / "copy")
    config, plan = load_record(folder)
    assert build_report(folder, config, plan, study_seconds=0.0).stages[0].warnings == []
    log = folder.stage(plan.stages[0].key) / "updates.jsonl"
    lines = read_lines(log)
    lines[1] |= {"drift": 1200, "sampler_gap": 0.25}
    log.write_text("".join(line(value) for value in lines))
    drift, gap = build_report(folder, config, plan, study_seconds=0.0).stages[0].warnings
    assert drift.startswith("drift: the context of 1,200 sampled tokens is not the one that they were trained in")
    assert gap.startswith("sampler_gap: a token's logprob in the sampler and in the learner differ by up to 0.25, ")


def test_the_report_names_the_version_of_everything_behind_a_number(model: Path) -> None:
    study = Study(small(model, axes={"transfer": ["even"]}))
    assert study.blueprint.plan.specs == {
        "environment/even": "1",
        "algorithm/grpo": "1",
        "curriculum/single": "1",
        "sampler/hf": "1",
        "metric/generalization": "4",
        "policy/random": "1",
        "policy/oracle": "1",
    }
    versions = versions_of(study.config.model_copy(update={"model": "rftcore/tiny"}), study.blueprint.plan)
    for name in ("rftcore", "rftcore-tiny", "rftcore-grpo", "numpy", "torch", "omegaconf", "pluggy"):
        assert versions[name] == version(name)


def test_running_again_does_nothing_again(model: Path, tmp_path: Path, differences: Differences) -> None:
    experiment = Experiment(small(model, train="even:easy"))
    experiment.run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "small").glob("*/**/*")}
    report, diary = report_of(tmp_path / "small"), Diary()
    experiment.run(tmp_path, display=diary)
    assert diary.planned == []
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "small").glob("*/**/*")} == before
    again = report_of(tmp_path / "small")
    assert differences(report, again) == []
    assert again["study_seconds"] > report["study_seconds"]


def test_the_seconds_of_all_sessions_count(model: Path, tmp_path: Path) -> None:
    folder = Experiment(small(model, train="even:easy")).create(tmp_path)
    (folder.path / "events.jsonl").write_text(
        '{"at": "2026-01-01T10:00:00.000+00:00", "event": "RunStarted"}\n'
        '{"at": "2026-01-01T10:00:40.000+00:00", "event": "UpdateFinished"}\n'
        '{"at": "2026-01-01T12:00:00.000+00:00", "event": "RunStarted"}\n'
        'this line \ufffd is damaged\n[1]\n{"at": "noon", "event": "RunStarted"}\n'
        '{"at": "2026-01-01T12:00:02.500+00:00", "event": "UpdateFinished"}\n'
        '{"at": "2026-01-01T12:00:0'
    )
    report = run_folder(folder)
    assert 42.5 < report.study_seconds < 42.5 + 60


def test_a_clock_that_jumps_changes_no_seconds(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(
        '{"at": "2026-01-02T10:00:00.000+00:00", "session_seconds": 0.0, "event": "RunStarted"}\n'
        '{"at": "2026-01-01T10:00:07.000+00:00", "session_seconds": 7.5, "event": "UpdateFinished"}\n'
        '{"at": "2027-01-01T10:00:00.000+00:00", "session_seconds": 0.0, "event": "RunStarted"}\n'
        '{"at": "2029-01-01T10:00:00.000+00:00", "session_seconds": 2.0, "event": "UpdateFinished"}\n'
        '{"at": "2026-01-02T10:00:00.000+00:00", "event": "RunStarted"}\n'  # of a version that did not measure them
        '{"at": "2026-01-01T10:00:00.000+00:00", "event": "UpdateFinished"}\n'
    )
    assert seconds_worked(tmp_path) == 9.5


def test_a_run_can_go_on_with_another_executor_name_and_place_of_the_model(model: Path, tmp_path: Path) -> None:
    config = small(model, train="even:easy")
    folder = Experiment(config).create(tmp_path)
    elsewhere = tmp_path / "moved"
    elsewhere.symlink_to(model)
    again = Experiment({**config, "model": str(elsewhere), "executor": {"name": "processes", "workers": 3}})
    again.create(tmp_path)
    stored, _ = load_record(folder)
    assert (stored.model, stored.executor.options) == (str(elsewhere), {"workers": 3})


def test_events_tell_each_update_once_and_each_evaluation(study_folder: RunFolder) -> None:
    events = read_lines(study_folder.path / "events.jsonl")
    assert [event["event"] for event in (events[0], events[-1])] == ["RunStarted", "RunFinished"]
    updates = [(event["stage"], event["update"]) for event in events if event["event"] == "UpdateFinished"]
    assert len(updates) == len(set(updates)) == 15
    groups = [event for event in events if event["event"] == "GroupFinished"]
    assert len(groups) == 15 * 3
    assert all(len(event["returns"]) == 4 for event in groups)
    evaluated = [event for event in events if event["event"] == "Evaluated"]
    assert len(evaluated) == (1 + 5 + 2) * 4
    assert all(0 <= event["scores"]["avg_at_k"] <= 1 for event in evaluated)


def test_stored_trajectories_hold_what_was_played(study_folder: RunFolder) -> None:
    _, plan = load_record(study_folder)
    cell = next(cell for cell in plan.cells if (cell.train, cell.difficulty) == ("even:easy", "hard"))
    groups = read_groups(study_folder.cell(cell.key))
    assert [len(group.trajectories) for group in groups] == [2, 2, 2]
    trajectory = groups[0].trajectories[0]
    assert trajectory.turns[0].observation.endswith("\u2028")
    assert len(trajectory.turns[0].logprobs) == len(trajectory.turns[0].token_ids) == 3


def test_after_a_failure_nothing_else_begins_and_what_was_done_stays(model: Path, tmp_path: Path) -> None:
    experiment = Experiment(small(model, train="even:easy"))
    folder = experiment.create(tmp_path)
    stage = folder.stage(experiment.blueprint.plan.stages[0].key)
    (stage / "resume").mkdir(parents=True)
    (stage / "resume" / "checkpoint.json").write_text('{"files": {}, "state": {}}')
    diary = Diary()
    with pytest.raises(RunError, match=r"is damaged \('update'\)"):
        experiment.run(tmp_path, display=diary)
    assert (diary.errors, diary.done) == (["train even:easy"], [])
    (stage / "resume" / "checkpoint.json").unlink()
    experiment.run(tmp_path, display=diary)
    assert len(diary.done) == 1 + 4 * 2


def test_a_policy_is_evaluated_without_any_model(tmp_path: Path) -> None:
    evaluation = Evaluation(small("no/such/model", policy="oracle", environments={}))
    assert evaluation.config.environments.keys() == {"even", "third"}
    report = evaluation.run(tmp_path)
    assert [(cell.train, cell.avg_at_k) for cell in report.references] == [("oracle", 1.0)] * 4
    assert (report.axes.transfer, report.stages) == ([], [])


def test_a_model_is_evaluated_without_training(model: Path, study_folder: RunFolder, tmp_path: Path) -> None:
    report = Evaluation(small(model, references=("random",))).run(tmp_path)
    trained = report_of(study_folder.path)["axes"]["difficulty"]
    expected = [cell["avg_at_k"] for cell in trained if (cell["train"], cell["environment"]) == ("base", "even")]
    assert [cell.avg_at_k for cell in report.axes.transfer] == expected
    assert {cell.train for cell in report.references} == {"random"}


def test_adapters_are_drawn_from_the_seed_and_trained_on_through_stages(
    model: Path, tmp_path: Path, differences: Differences
) -> None:
    learner = {"learning_rate": 0.05, "lora": {"rank": 2, "alpha": 4}}
    config = small(model, train="even:easy>third:easy", learner=learner)
    first = Experiment(config).run(tmp_path / "a")
    Experiment(config).run(tmp_path / "b")
    assert differences(report_of(tmp_path / "a/small"), report_of(tmp_path / "b/small")) == []
    assert all(stage.drift == 0 and (stage.sampler_gap or 0) < 1e-4 for stage in first.stages)
    last = RunFolder(tmp_path / "a/small").stage(load_record(RunFolder(tmp_path / "a/small"))[1].stages[1].key)
    assert (last / "checkpoint" / "adapter_model.safetensors").is_file()


def test_examples_in_the_prompt_are_context_that_is_sampled_after_and_not_learned(model: Path, tmp_path: Path) -> None:
    config = small(model, train="even:easy", environments={"even": {}, "third": {}}, shots=2)
    stage = Experiment(config).run(tmp_path).stages[0]
    assert (stage.drift, (stage.sampler_gap or 0) < 1e-4) == (0, True)
    folder = RunFolder(tmp_path / "small")
    plan, tokenizer = load_record(folder)[1], load_tokenizer(model)
    for cell in (cell for cell in plan.cells if not cell.policy):
        for trajectory in (
            trajectory for group in read_groups(folder.cell(cell.key)) for trajectory in group.trajectories
        ):
            prompt = tokenizer.decode(trajectory.turns[0].prompt_ids)
            assert prompt.count(f"{cell.environment} ") == 3 and prompt.count("f") == 2  # "f" is what the expert says
    learned, sampled = (sum(update[key] for update in stage.curve) for key in ("learned_tokens", "sampled_tokens"))
    assert 0 < learned <= sampled


def test_a_study_is_more_than_its_parts(model: Path, study_folder: RunFolder, tmp_path: Path) -> None:
    """A line trained alone has the numbers that it has in a study: nothing depends on what else is trained."""
    alone = Experiment(small(model, environments={"even": {}, "third": {}}, train="even:easy>third")).run(tmp_path)
    own = {(cell.train, cell.environment, cell.difficulty): cell.avg_at_k for cell in alone.axes.sequence}
    study = report_of(study_folder.path)
    for axis in study["axes"].values():
        for cell in axis:
            place = (cell["train"], cell["environment"], cell["difficulty"])
            assert own.get(place, cell["avg_at_k"]) == cell["avg_at_k"]
    assert {train for train, _, _ in own} == {"base", "even:easy", "even:easy>third"}


def test_what_the_start_policy_saw_before_is_noted_and_every_checkpoint_keeps_it(study_folder: RunFolder) -> None:
    noted = report_of(study_folder.path)["notes"]
    assert any("warmed up by imitation in even: " in note and note.endswith("It never saw third.") for note in noted)
    cards = [path.read_text() for path in study_folder.path.glob("stages/*/checkpoint/card.json")]
    assert cards == ['{"environments": ["even"]}'] * 5
    assert any(note.startswith("One training run stands behind each checkpoint") for note in noted)


def test_a_stage_names_its_pools_and_cells_what_they_were_trained_on(study_folder: RunFolder) -> None:
    report = report_of(study_folder.path)
    pools = {stage["name"]: stage["pools"] for stage in report["stages"]}
    assert pools["even:easy>third"] == ["third:easy", "third:hard"]
    trained = {
        (cell["environment"], cell["difficulty"])
        for cell in report["axes"]["difficulty"]
        if cell["train"] == "even:easy" and cell["trained_on"]
    }
    assert trained == {("even", "easy")}


def test_the_report_is_valid_json_without_nan(study_folder: RunFolder) -> None:
    text = (study_folder.path / "report.json").read_text(encoding="utf-8")
    json.loads(text, parse_constant=lambda name: pytest.fail(f"found {name}"))
