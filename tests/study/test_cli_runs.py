"""The commands that run something and those that read runs: what they print, and how they end when they are stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rftcore.blueprint import load_record
from rftcore.records import RunFolder
from rftcore.schemas.config import Component
from rftcore.sealing import unsealed
from rftcore.study import run_folder
from tests.study.conftest import AXES, Done, report_of, small

Command = Callable[..., Done]
Differences = Callable[[Any, Any], list[str]]


@pytest.fixture
def study_file(model: Path, tmp_path: Path) -> Path:
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(small(model, held_out="installed", axes=AXES)))
    return file


@pytest.fixture
def copied(study_folder: RunFolder, tmp_path: Path) -> Path:
    """A folder of runs with a copy of the finished study, and a partial one."""
    runs = tmp_path / "runs"
    shutil.copytree(study_folder.path, runs / "small")
    shutil.copytree(study_folder.path, runs / "partial")
    partial = RunFolder(runs / "partial")
    (partial.path / "report.json").unlink()
    for cell in load_record(partial)[1].cells[-3:]:
        partial.cell(cell.key).unlink()
    return runs


def test_a_dry_run_tells_the_plan_and_its_budget_and_writes_nothing(
    rftcore: Command, study_file: Path, tmp_path: Path
) -> None:
    done = rftcore("study", study_file, "--dry-run", "training.updates=5", "--name", "planned")
    assert (done.code, done.err) == (0, "")
    lines = [re.sub(r"  +", "  ", line.rstrip()) for line in done.out.splitlines()]
    assert lines[0].startswith("study planned, id ")
    assert "5 stages (7 if none were shared)" in lines
    assert "even:easy>third  even:easy  5  grpo  60  sequence" in lines
    assert "even:easy  base  5  grpo  60  difficulty, sequence" in lines
    assert "32 cells, 2 samples of each task" in lines
    assert "tasks of  easy  hard  easy  hard" in lines
    assert "even:easy>third  3  3  3  3" in lines
    assert "300 episodes of training, 192 of evaluation" in lines
    assert any("TFLOP/s a job" in line for line in lines)
    assert "0 of 37 jobs are done in runs/planned" in lines
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.yaml"]


def test_a_study_runs_prints_its_tables_and_says_where_the_report_is(
    rftcore: Command, study_file: Path, study_folder: RunFolder, differences: Differences
) -> None:
    done = rftcore("study", study_file)
    assert done.code == 0, done.err
    signs = [line for line in done.err.splitlines() if line.startswith("!")]
    assert signs[0] == "! 100% of answers cut off at sampling.max_new_tokens (train even:easy)"
    assert len(signs) == len(set(signs)) <= 4
    jobs = [line for line in done.err.splitlines() if line not in signs]
    assert [line.split("]")[0] for line in jobs] == [f"[{n}/37" for n in range(1, 38)]
    assert "s left" in jobs[20]
    for title in ("Difficulty", "Transfer", "Sequence", "Stages"):
        assert f"\n{title}\n" in done.out
    assert done.out.endswith("\nruns/small/report.html\nruns/small/report.json\n")
    assert all(len(line) <= 100 for line in done.out.splitlines())
    assert differences(report_of(Path("runs/small")), report_of(study_folder.path)) == []
    assert "--dry-run" not in done.out
    planned = rftcore("study", study_file, "--dry-run")
    assert "37 of 37 jobs are done in runs/small" in planned.out


def test_an_experiment_is_trained_from_the_command_line_alone(rftcore: Command, model: Path) -> None:
    arguments = ["train", "--train", "even:easy>third", "--name", "7", "--runs", "elsewhere", f"model={model}"]
    arguments += ["training={updates: 1, groups: 2, samples: 2}", "evaluation={tasks: 2, samples: 1}"]
    done = rftcore(*arguments, "sampling.max_new_tokens=2", "references=[]")
    assert done.code == 0, done.err
    assert done.out.endswith("\nelsewhere/7/report.html\nelsewhere/7/report.json\n")
    assert [stage["name"] for stage in report_of(Path("elsewhere/7"))["stages"]] == ["even:easy", "even:easy>third"]
    other = rftcore(*arguments, "sampling.max_new_tokens=3", "references=[]")
    assert other.code == 2
    assert "its configuration differs. Give this run another name, or delete that folder (--fresh does)" in other.err
    assert rftcore(*arguments, "sampling.max_new_tokens=3", "references=[]", "--fresh").code == 0


def test_a_dry_run_of_an_experiment_writes_nothing(rftcore: Command, model: Path, tmp_path: Path) -> None:
    done = rftcore("train", "--train", "even:easy>third", "--dry-run", f"model={model}", "training.updates=2")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("experiment run, id ")
    assert "2 stages" in done.out
    assert list(tmp_path.iterdir()) == []


def test_train_overrides_what_a_file_trains(rftcore: Command, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    tiny = {"training": {"updates": 1, "groups": 2, "samples": 2}, "evaluation": {"tasks": 2, "samples": 1}}
    file.write_text(yaml.safe_dump(small(model, train={"name": "horizon", "train": "even"}, references=[], **tiny)))
    done = rftcore("train", file, "--train", "third:hard")
    assert done.code == 0, done.err
    assert [stage["name"] for stage in report_of(Path("runs/small"))["stages"]] == ["third:hard"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train"], "found nothing to train on, expected a configuration or, for example: --train textcraft:easy"),
        (["train", "none.yaml"], "cannot be read: No such file or directory; expected YAML, as `rftcore init` writes"),
        (["train", "--train", "even", "training.updates"], "training.updates cannot be read"),
        (["train", "seed=1", "training.updates", "--train", "x"], "override 'training.updates': expected key=value"),
        (["train", "--train", "evn"], "did you mean 'even'?"),
        (["train", "--train", "even", "training.updates=0"], "training.updates: found 0, expected greater than"),
        (["train", "--train", "even", "algorithm.kl=much"], "algorithm.kl: found 'much', expected a valid number"),
        (["train", "--train", "even", "--name", "a b"], "name: found 'a b'"),
        (["study", "study.yaml", "training.updates"], "override 'training.updates': expected key=value, such as"),
        (["study", "study.yaml", "axes={}"], None),
        (["study", "study.yaml", "--runs", "study.yaml"], "the run folder 'study.yaml/small' cannot be made"),
        (["judge", "a", "b", "policy.model=x"], "found 'b', expected one RUN, then options of the policy, such as"),
        (["judge", "a", "=x"], "=x: expected key=value, such as policy.model=NAME"),
        (["serve", "even", "--with", "three"], "--with three: expected key=value, such as --with port=8765"),
        (["evaluate"], "found nothing to evaluate, expected a model, a run, or, for example: --policy oracle"),
        (["evaluate", "./none"], "model: there is no folder './none'"),
        (["evaluate", "--policy", "orakle"], "did you mean 'oracle'?"),
        (
            ["evaluate", "oracel"],
            "'oracel' is no run in runs and no folder, and a model of the hub is called OWNER/NAME; "
            "did you mean --policy oracle?",
        ),
        (["evaluate", "gpt2"], "is called OWNER/NAME; policies: openai, oracle, random, replay; "),
        (
            ["study", "study.yaml", "axes.difficulty.9=even"],
            "override 'axes.difficulty.9=even' cannot be applied: list",
        ),
        (["evaluate", "small", "--checkpoint", "x"], "no run is called 'small'"),
        (["report", "small"], "no run is called 'small' or has an id that begins so. Runs in 'runs': none yet"),
        (["metrics", "small"], "no run is called 'small'"),
        (["resume", "small"], "no run is called 'small'"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_exit_code_2(
    rftcore: Command, study_file: Path, arguments: list[str], said: str | None
) -> None:
    done = rftcore(*arguments, *(["--dry-run"] if said is None else []))
    if said is None:  # merging nothing into the axes changes nothing
        assert done.code == 0
        return
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert said in done.err
    assert "Traceback" not in done.err
    assert not Path("runs").exists()


def test_runs_are_listed_with_how_far_they_are(rftcore: Command, copied: Path, tmp_path: Path) -> None:
    (copied / "notes").mkdir()
    done = rftcore("runs", "--json")
    rows = {row["name"]: row for row in json.loads(done.out)["runs"]}
    assert list(rows) == ["partial", "small"]
    assert {key: rows["partial"][key] for key in ("state", "done", "total", "kind", "path", "problem")} == {
        "state": "partial",
        "done": 34,
        "total": 37,
        "kind": "study",
        "path": "runs/partial",
        "problem": None,
    }
    assert (rows["small"]["state"], rows["small"]["done"]) == ("done", 37)
    with RunFolder(copied / "partial").lock():
        text = rftcore("runs").out
    identity = rows["small"]["id"][:12]
    assert [line.split() for line in text.splitlines()] == [
        ["name", "id", "kind", "state", "jobs", "done"],
        ["partial", identity, "study", "running", "34", "of", "37"],
        ["small", identity, "study", "done", "37", "of", "37"],
    ]
    assert "no runs in none" in rftcore("runs", "--runs", "none").out


def test_a_run_of_another_version_is_listed_as_unreadable(rftcore: Command, copied: Path) -> None:
    file = copied / "small" / "run.json"
    record = json.loads(unsealed(file.read_text(encoding="utf-8")))
    file.write_text(json.dumps({**record, "config": {**record["config"], "colour": "red"}}))
    row = json.loads(rftcore("runs", "--json").out)["runs"][1]
    assert row["state"] == "unreadable"
    assert "colour: unknown key" in row["problem"]


def test_resume_finishes_a_partial_run_by_its_name(
    rftcore: Command, copied: Path, study_folder: RunFolder, differences: Differences
) -> None:
    done = rftcore("resume", "partial")
    assert done.code == 0, done.err
    assert [line.split(",")[0] for line in done.err.splitlines()] == [
        "[1/3] evaluate oracle on even:hard",
        "[2/3] evaluate oracle on third:easy",
        "[3/3] evaluate oracle on third:hard",
    ]
    assert differences(report_of(copied / "partial"), report_of(study_folder.path)) == []


def test_report_prints_the_tables_and_writes_the_page_again(rftcore: Command, copied: Path) -> None:
    page = copied / "small" / "report.html"
    written = page.read_bytes()
    page.unlink()
    done = rftcore("report", "small")
    assert done.code == 0, done.err
    assert done.out.endswith("\nruns/small/report.html\nruns/small/report.json\n")
    assert page.read_bytes() == written
    told = rftcore("report", "small", "--json")
    assert json.loads(told.out) == report_of(copied / "small")


def test_report_of_a_run_that_has_none_says_how_to_get_it(rftcore: Command, copied: Path) -> None:
    done = rftcore("report", "runs/partial")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("has no report yet; this line finishes the run:\n\n  rftcore resume partial\n")
    (copied / "partial" / "report.json").write_text('{"schema_version": 9}')
    done = rftcore("report", copied / "partial")
    assert done.code == 2
    assert "schema_version: found 9, expected 1" in done.err
    assert f"Delete it, and this line makes it again:\n\n  rftcore resume partial --runs {copied}\n" in done.err


def test_metrics_from_the_stored_trajectories_are_those_of_the_report(rftcore: Command, copied: Path) -> None:
    found = json.loads(rftcore("metrics", "small", "--json").out)
    assert found["missing"] == 0
    report = report_of(copied / "small")
    assert found["run"] == report["study"]["id"]
    cells = [cell for axis in report["axes"].values() for cell in axis] + report["references"]
    scores = {(cell["train"], cell["environment"], cell["difficulty"]): cell["scores"] for cell in found["cells"]}
    assert {(cell["train"], cell["environment"], cell["difficulty"]) for cell in cells} == scores.keys()
    for cell in cells:
        own = scores[cell["train"], cell["environment"], cell["difficulty"]]
        for figure in ("avg_at_k", "pass_at_k", "turns", "generated_tokens", "invalid_rate"):
            assert own.get(figure) == cell[figure]


def test_metrics_of_a_partial_run_are_those_that_it_has(rftcore: Command, copied: Path) -> None:
    done = rftcore("metrics", "partial")
    lines = done.out.splitlines()
    assert lines[0].split()[:3] == ["checkpoint", "place", "avg_at_k"]
    assert len([line for line in lines if ":" in line]) == 29
    assert lines[-1] == "3 cells are not evaluated yet; `rftcore resume` goes on"


def test_nothing_that_only_reads_or_plays_imports_torch(copied: Path) -> None:
    code = """
import sys
from rftcore.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {"torch", "transformers"} & set(sys.modules)
assert not heavy, heavy
"""
    for arguments in (
        ["metrics", "small"],
        ["report", "small"],
        ["runs"],
        ["resume", "small"],
        ["watch", "small"],
        ["verify", "small"],
        ["evaluate", "--policy", "oracle", "evaluation.tasks=2"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=copied.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr)


def start(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start `rftcore` in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        [sys.executable, "-c", "from rftcore.cli import main; main()", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(pattern: str, root: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not list(root.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_second_command_for_a_run_at_work_is_refused_and_changes_nothing(
    rftcore: Command, copied: Path, study_file: Path, tmp_path: Path
) -> None:
    folder = RunFolder(copied / "partial")
    record = (folder.path / "run.json").read_bytes()
    hold = "import sys; from rftcore.records import *\nwith RunFolder(Path(sys.argv[1])).lock(): print(); input()"
    command = [sys.executable, "-u", "-c", hold, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        for more in (["--fresh", "training.updates=2"], ["--fresh"], ["--jobs", "2"], ["training.updates=2"]):
            done = rftcore("study", study_file, "--name", "partial", *more)
            assert (done.code, done.out) == (2, "")
            assert f"another process works on the run in 'runs/partial': process {holder.pid} on " in done.err
        holder.communicate("\n", timeout=60)
    assert (folder.path / "run.json").read_bytes() == record
    assert not (folder.path / "report.json").exists()
    assert sorted(path.name for path in copied.iterdir()) == ["partial", "small"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_study_that_is_stopped_from_outside_goes_on_with_the_line_that_it_prints(
    rftcore: Command,
    study_file: Path,
    study_folder: RunFolder,
    tmp_path: Path,
    differences: Differences,
    how: signal.Signals,
) -> None:
    jobs = ["--jobs", "1"] if how == signal.SIGINT else []
    process = start(["study", "study.yaml", *jobs, "--runs", "my runs"], tmp_path)
    wait_for("my runs/small/stages/*/resume", tmp_path, process)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # the terminal tells the workers too
    else:
        process.kill()
    out, err = process.communicate(timeout=120)
    line = "rftcore resume small --runs 'my runs'"
    if how == signal.SIGINT:
        assert process.returncode == 130, err
        assert err.rstrip().endswith(f"Stopped. What was complete is saved. This line goes on:\n\n  {line}")
    assert "Traceback" not in out + err
    folder = RunFolder(tmp_path / "my runs" / "small")
    deadline = time.monotonic() + 60
    while folder.locked and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not (folder.path / "report.json").exists()
    if how == signal.SIGINT:  # no other worker has to import torch
        run_folder(folder, executor=Component(name="inline"))
    else:
        done = rftcore("resume", "small", "--runs", "my runs")
        assert done.code == 0, done.err
    assert differences(report_of(folder.path), report_of(study_folder.path)) == []


def test_an_error_in_a_job_is_told_once_with_the_line_that_goes_on(rftcore: Command, copied: Path) -> None:
    folder = RunFolder(copied / "partial")
    _, plan = load_record(folder)
    folder.cell(plan.cells[5].key).unlink()
    index = folder.stage(plan.cells[5].checkpoint or "") / "checkpoint" / "checkpoint.json"
    (index.parent / "config.json").unlink()
    index.write_text('{"files": {}, "state": {}}')  # sound to look at, and no model
    done = rftcore("resume", "partial")
    assert done.code == 2
    assert done.err.count("holds no config.json") == 1
    assert done.err.endswith(
        "\nerror: the run stopped for the reason above\n"
        "What was complete is saved. When that is mended, this line goes on:\n\n  rftcore resume partial\n"
    )


@pytest.mark.filterwarnings("default::RuntimeWarning")
def test_a_run_without_a_readable_record_is_listed_and_its_own_command_mends_it(
    rftcore: Command, copied: Path, study_file: Path, study_folder: RunFolder, differences: Differences
) -> None:
    shutil.rmtree(copied / "partial")
    record = copied / "small" / "run.json"
    record.write_text(record.read_text(encoding="utf-8")[:-9])
    (row,) = json.loads(rftcore("runs", "--json").out)["runs"]
    assert (row["name"], row["state"], row["id"]) == ("small", "unreadable", "")
    assert "small: 'runs/small/run.json' cannot be read" in rftcore("runs").out
    resumed = rftcore("resume", "small")
    assert resumed.code == 2
    assert resumed.err.rstrip().endswith("under its name: it writes the file anew and does not repeat what is complete")
    done = rftcore("study", study_file)
    assert done.code == 0, done.err
    assert done.err.startswith("warning: 'runs/small/run.json' cannot be read: ")
    assert done.err.endswith("; it is now run.json.damaged, and written anew\n")  # and no job was left
    assert differences(report_of(copied / "small"), report_of(study_folder.path)) == []
