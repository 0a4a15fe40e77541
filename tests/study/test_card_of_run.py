"""The card of a real run makes the same run again; its sessions are told; and what was written can be verified."""

from __future__ import annotations

import getpass
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rftcore.blueprint import load_record
from rftcore.display import Display
from rftcore.errors import RunError
from rftcore.executor import Progress
from rftcore.records import RunFolder, read_lines
from rftcore.schemas.config import Component
from rftcore.study import Experiment, Study, run_folder
from rftcore.verification import verify
from tests.study.conftest import Done, report_of, small

Command = Callable[..., Done]


def config_of(folder: Path, place: Path) -> Path:
    """Write the configuration that a card ends with into a file."""
    found = re.search(r"^```yaml\n(.*?)^```$", (folder / "card.md").read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    file = place / "config.yaml"
    file.write_text(found[1])
    return file


def test_the_configuration_in_the_card_of_a_study_has_the_same_id(
    study_folder: RunFolder, model: Path, tmp_path: Path
) -> None:
    report = report_of(study_folder.path)
    assert report["provenance"]["command"] == "rftcore study config.yaml"
    file = config_of(study_folder.path, tmp_path)
    assert yaml.safe_load(file.read_text())["model"] == model.name  # without its folder
    assert Study(file, [f"model={model}"]).id == report["study"]["id"]


def test_the_configuration_in_the_card_of_an_experiment_has_the_same_id(model: Path, tmp_path: Path) -> None:
    config = small(model, train="even:easy>third", references=["oracle"], learner={"learning_rate": 1e-5}, seed=3)
    experiment = Experiment(config)
    experiment.run(tmp_path)
    folder = tmp_path / "small"
    assert report_of(folder)["provenance"]["command"] == "rftcore train config.yaml"
    assert Experiment(config_of(folder, tmp_path), [f"model={model}"]).id == experiment.id


@pytest.mark.parametrize("player", [["a model/here"], ["--policy", "random"]])
def test_the_command_in_the_card_of_an_evaluation_has_the_same_id(
    rftcore: Command, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, player: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(model, "a model/here")
    arguments = [*player, "--environment", "even", "sampling.max_new_tokens=3", "seed=5", "format=react"]
    done = rftcore("evaluate", *arguments, "evaluation={tasks: 3, samples: 2}", "--name", "first")
    assert done.code == 0, done.err
    report = report_of(Path("runs/first"))
    program, command, *again = shlex.split(report["provenance"]["command"])
    assert (program, command) == ("rftcore", "evaluate")
    done = rftcore("evaluate", *again, "name=second")
    assert done.code == 0, done.err
    assert report_of(Path("runs/second"))["study"]["id"] == report["study"]["id"]


def test_nothing_private_stands_in_a_report(model: Path, tmp_path: Path) -> None:
    Experiment(small(model, train="even:easy", references=[])).run(tmp_path / "secret place")
    folder = tmp_path / "secret place/small"
    assert str(model) in (folder / "run.json").read_text()  # where the model is, which a resumed run needs
    for name in ("report.json", "card.md", "report.html"):
        text = (folder / name).read_text()
        for private in (str(tmp_path), str(model.parent), str(Path.home()) + "/", "secret place"):
            assert private not in text, (name, private)
        assert not re.search(rf"\b{re.escape(getpass.getuser())}/", text), name


class Stop(Display):
    """Stops the run like Ctrl-C after the second update."""

    def progress(self, progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt


def test_each_session_is_told_with_what_it_ran_with_and_what_had_changed(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, differences: Callable[[Any, Any], list[str]]
) -> None:
    config = small(model, train="even:easy", references=[])
    Experiment(config).run(tmp_path / "at once")
    folder = Experiment(config).create(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_folder(folder, display=Stop())
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    run_folder(folder, executor=Component(name="processes", options={"workers": 1}))
    report = report_of(folder.path)
    first, second = report["provenance"]["sessions"]
    assert (first["ended"], second["ended"]) == ("stopped", "report")
    assert first["worked_seconds"] > 0
    assert first["executor"] == "inline"
    assert {"rftcore", "torch"} <= first["versions"].keys()
    assert re.fullmatch(r"[0-9a-f]{40}( \(modified\))?", first["commits"]["rftcore"])
    assert second["changed"] == {"executor": ["inline", "processes"], "hardware.variables.OMP_NUM_THREADS": ["1", "7"]}
    assert report["provenance"]["effort"]["training_episodes"] == 36
    assert report["provenance"]["effort"]["cpu_seconds"] > 0
    assert differences(report, report_of(tmp_path / "at once/small")) == []
    assert verify(folder).sound
    run_folder(folder)  # which has nothing to do
    assert len(read_lines(folder.path / "sessions.jsonl")) == 2


def test_a_damaged_list_of_sessions_is_set_aside_and_the_report_is_written_without_them(
    study_folder: RunFolder, tmp_path: Path, differences: Callable[[Any, Any], list[str]]
) -> None:
    folder = RunFolder(Path(shutil.copytree(study_folder.path, tmp_path / "small")))
    sessions = folder.path / "sessions.jsonl"
    damaged = sessions.read_bytes().replace(b'"executor"', b'"exec\xff"', 1)
    sessions.write_bytes(damaged)
    said = r"it is now sessions\.jsonl\.damaged, and what its sessions ran with is not known any more"
    with pytest.warns(RuntimeWarning, match=rf"sessions\.jsonl' cannot be read: .*; {said}"):
        run_folder(folder)
    assert sessions.with_name("sessions.jsonl.damaged").read_bytes() == damaged
    report = report_of(folder.path)
    assert "sessions" not in report["provenance"]
    assert differences(report, report_of(study_folder.path)) == []


def test_an_untouched_run_is_verified_and_nothing_is_written(rftcore: Command, study_folder: RunFolder) -> None:
    before = {file: file.stat().st_mtime_ns for file in study_folder.path.rglob("*")}
    done = rftcore("verify", study_folder.path)
    assert (done.code, done.err) == (0, "")
    # run.json, two files for each of 5 stages and of 32 cells, the events and the sessions.
    assert done.out == (
        "77 files of records and 5 checkpoints are what was written\nreport.json is what the records give\n"
    )
    assert {file: file.stat().st_mtime_ns for file in study_folder.path.rglob("*")} == before


def test_what_was_changed_by_hand_is_found(rftcore: Command, study_folder: RunFolder, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(study_folder.path, copy)
    report = report_of(copy)
    report["axes"]["transfer"][-1]["avg_at_k"] = 0.99
    report["study_seconds"] = 1.0
    (copy / "report.json").write_text(json.dumps(report))
    done = rftcore("verify", copy, "--json")
    found = json.loads(done.out)
    assert (done.code, found["sound"], found["damaged"]) == (1, False, [])
    number = len(report["axes"]["transfer"]) - 1
    assert [text.split(": 0.99 and")[0] for text in found["differences"]] == [f"axes.transfer[{number}].avg_at_k"]
    _, plan = load_record(RunFolder(copy))
    cell = RunFolder(copy).cell(plan.cells[0].key)
    cell.write_text(cell.read_text().replace('"success":true', '"success":false', 1).replace("even", "evem", 1))
    weights = RunFolder(copy).stage(plan.stages[0].key) / "checkpoint/model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    done = rftcore("verify", copy)
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0] == "76 files of records and 4 checkpoints are what was written"
    assert [line.split(":")[0] for line in lines[1:]] == ["damaged", "damaged"]
    assert cell.name in lines[1] and "model.safetensors" in lines[2]


def test_a_log_without_its_updates_is_damaged(rftcore: Command, study_folder: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(tmp_path / "copy")
    shutil.copytree(study_folder.path, copy.path)
    _, plan = load_record(copy)
    logs = [copy.stage(node.key) / "updates.jsonl" for node in plan.stages[:2]]
    logs[0].write_text("")
    logs[1].write_text("".join(logs[1].read_text().splitlines(keepends=True)[:-1]))
    done = rftcore("verify", copy.path)
    assert done.code == 1
    assert [line for line in done.out.splitlines() if line.startswith("damaged")] == [
        f"damaged: {str(log)!r} is damaged: found {left} updates, expected 3"
        for log, left in zip(logs, (0, 2), strict=True)
    ]


def test_what_a_stage_learned_from_is_read_too(model: Path, tmp_path: Path) -> None:
    training = {"updates": 2, "groups": 3, "samples": 4, "record": True}
    Experiment(small(model, train="even:easy", references=[], training=training)).run(tmp_path)
    folder = RunFolder(tmp_path / "small")
    assert verify(folder).sound
    _, plan = load_record(folder)
    first, second = (folder.trajectories(plan.stages[0].key, update) for update in (0, 1))
    first.write_text(first.read_text().replace("even", "evem", 1))
    second.write_text(second.read_text()[:-40])
    found = verify(folder)
    assert [str(first) in found.damaged[0], str(second) in found.damaged[1], len(found.damaged)] == [True, True, 2]


def test_a_forged_effort_command_or_arithmetic_is_found_but_in_an_older_report_they_may_be_missing(
    study_folder: RunFolder, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(study_folder.path, copy)
    report = report_of(copy)
    told = report["provenance"]
    told["effort"] |= {"training_episodes": 1, "cpu_seconds": 0.5}
    told["command"], told["arithmetic"]["dtype"] = "rftcore study other.yaml", "float64"
    (copy / "report.json").write_text(json.dumps(report))
    assert [text.split(":")[0] for text in verify(RunFolder(copy)).differences] == [
        "provenance.arithmetic.dtype",
        "provenance.command",
        "provenance.effort.training_episodes",
    ]
    for name in ("arithmetic", "command", "effort"):
        del told[name]
    (copy / "report.json").write_text(json.dumps(report))
    assert verify(RunFolder(copy)).sound


def test_a_run_that_could_not_go_on_here_is_sound_all_the_same(study_folder: RunFolder, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(study_folder.path, copy)
    record = json.loads((copy / "run.json").read_text())
    record["plan"]["specs"]["algorithm/grpo"] = "0"
    record.pop("crc32")
    (copy / "run.json").write_text(json.dumps(record))
    report = report_of(copy)
    report["provenance"]["specs"]["algorithm/grpo"] = "0"
    (copy / "report.json").write_text(json.dumps(report))
    found = verify(RunFolder(copy))
    assert found.sound
    assert "algorithm grpo: its behaviour version was 0, and is " in found.changed


def test_a_run_without_a_report_cannot_be_verified(model: Path, tmp_path: Path) -> None:
    folder = Experiment(small(model, train="even:easy")).create(tmp_path)
    with pytest.raises(RunError, match=r"report.json' is missing"):
        verify(folder)
