"""What `rftcore gc` removes, and everything that it must leave: whatever a resume, a report or another run needs."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment
from rftcore.blueprint import load_record
from rftcore.garbage import garbage
from rftcore.records import RunFolder, write_json
from rftcore.study import run_folder
from tests.study.conftest import Done, report_of, small, small_world

Command = Callable[..., Done]
Differences = Callable[[Any, Any], list[str]]


@pytest.fixture(scope="module")
def made(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two stages, one after the other."""
    root = tmp_path_factory.mktemp("made")
    evaluation = {"tasks": 2, "samples": 2, "environments": ["even"]}
    with small_world():
        Experiment(small(model, train="even:easy>third:easy", evaluation=evaluation)).run(root)
    return root / "small"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(made, tmp_path / "runs" / "small")))


def checkpoints(folder: RunFolder) -> tuple[Path, Path]:
    _, plan = load_record(folder)
    first, second = (folder.stage(stage.key) / "checkpoint" for stage in plan.stages)
    return first, second


def test_of_a_finished_run_the_checkpoint_that_was_trained_on_from_goes_and_with_results_all(folder: RunFolder) -> None:
    first, second = checkpoints(folder)
    (found,) = garbage(folder)
    assert (found.path, found.reason) == (first, "checkpoint even:easy: what was trained on from it is done")
    assert found.bytes == sum(file.stat().st_size for file in first.iterdir()) > 60_000
    assert {item.path for item in garbage(folder, results=True)} == {first, second}


def test_what_is_left_to_do_keeps_the_checkpoint_that_it_starts_from(folder: RunFolder) -> None:
    _, second = checkpoints(folder)
    _, plan = load_record(folder)
    cells = {cell.checkpoint: cell for cell in plan.cells}
    folder.cell(cells[plan.stages[0].key].key).unlink()
    assert {item.path for item in garbage(folder, results=True)} == {second}
    (second.parent / "stage.json").unlink()
    assert garbage(folder, results=True) == []


def test_another_run_and_an_adapter_keep_what_they_stand_on(folder: RunFolder) -> None:
    first, second = checkpoints(folder)
    other = RunFolder(folder.path.parent / "other")
    other.create({"id": "b", "kind": "study", "config": {"policies": [{"model": str(second)}]}, "plan": {}})
    assert {item.path for item in garbage(folder, results=True)} == {first}
    write_json(second / "adapter_config.json", {"base_model_name_or_path": str(first)})
    assert garbage(folder, results=True) == []


@pytest.mark.parametrize("typed_in", [".", "runs", ".."])
def test_a_checkpoint_that_another_run_names_is_kept_from_wherever_the_command_is_given(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed_in: str
) -> None:
    first, second = checkpoints(folder)
    named = os.path.relpath(second, tmp_path / typed_in)
    assert named.startswith({".": "runs/small/stages/", "runs": "small/stages/"}.get(typed_in, tmp_path.name))
    config = {"model": named, "format": "react"}
    RunFolder(folder.path.parent / "other").create({"id": "b", "kind": "evaluation", "config": config, "plan": {}})
    for here in (tmp_path / typed_in, Path("/"), folder.path):
        monkeypatch.chdir(here)
        assert {item.path for item in garbage(folder, results=True)} == {first}


def test_what_killed_processes_left_goes_and_a_report_needs_none_of_it(
    folder: RunFolder, rftcore: Command, differences: Differences
) -> None:
    before = report_of(folder.path)
    first, second = checkpoints(folder)
    cut = folder.path / "cells" / ".x.jsonl.writing"
    cut.write_bytes(bytes(1400))
    shutil.copytree(first, first.with_name("checkpoint.damaged"))
    shutil.copytree(first, second.with_name("resume"))
    grave = folder.path.with_name(".gone.deleted")
    shutil.copytree(first, grave)
    done = rftcore("gc", "--results", "--yes", "--runs", folder.path.parent)
    assert done.code == 0, done.err
    for words in (
        "a run that was deleted",
        "1 kB",
        "was not written to its end",
        "was set aside because it was damaged",
    ):
        assert words in done.out
    gone = [first, second, cut, first.with_name("checkpoint.damaged"), second.with_name("resume"), grave]
    assert not any(path.exists() for path in gone)
    run_folder(folder)
    assert differences(report_of(folder.path), before) == []
    assert "nothing to remove" in rftcore("gc", "small", "--results", "--runs", folder.path.parent).out


def test_a_checkpoint_that_a_kill_caught_between_two_renames_is_kept_for_a_stage_that_goes_on(
    folder: RunFolder,
) -> None:
    first, second = checkpoints(folder)
    _, plan = load_record(folder)
    left = [second.with_name(name) for name in (".resume.writing", ".resume.old")]
    for place in left:
        shutil.copytree(second, place)
    assert {first, *left} == {item.path for item in garbage(folder)}
    last = next(cell for cell in plan.cells if cell.checkpoint == plan.stages[1].key)
    folder.cell(last.key).unlink()
    (second.parent / "stage.json").unlink()
    assert garbage(folder) == []
    shutil.copytree(second, second.with_name("resume"))
    assert {item.path for item in garbage(folder)} == set(left)


def test_nothing_goes_without_a_yes_and_a_run_that_is_worked_on_is_left_alone(
    folder: RunFolder, rftcore: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = checkpoints(folder)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    done = rftcore("gc", "small", "--runs", folder.path.parent)
    assert done.code == 1
    assert first.is_dir()
    with folder.lock():
        told = rftcore("gc", "small", "--yes", "--runs", folder.path.parent)
    assert "small is left alone: another process works on the run" in told.out
    assert first.is_dir()
