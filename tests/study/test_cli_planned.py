"""What a dry run says beyond the plan and its budget, which `test_cli_runs.py` looks at."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from rftcore import registry
from rftcore.blueprint import load_record
from rftcore.errors import RunError
from rftcore.records import RunFolder
from tests.study.conftest import Done

Command = Callable[..., Done]


def test_a_dry_run_says_what_is_not_installed_here(
    rftcore: Command, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(replace(registry.spec("executor", "inline"), name="needy", needs=("abacus>=2",)))
    arguments = ("train", "--train", "even", "--dry-run", f"model={model}", "training.updates=2")
    done = rftcore(*arguments, "executor=needy")
    assert (done.code, done.err) == (0, "")
    assert "executor 'needy' cannot run here, before: pip install 'abacus>=2'" in done.out.splitlines()
    assert "cannot run here" not in rftcore(*arguments).out


def test_an_experiment_takes_the_speed_that_its_dry_run_speaks_of(rftcore: Command, model: Path) -> None:
    done = rftcore("train", "--train", "even:easy", "--dry-run", f"model={model}", "--tflops", "2")
    assert (done.code, done.err) == (0, "")
    assert "\n1 stage\n" in done.out
    assert "at 2 TFLOP/s a job (--tflops)" in done.out


@pytest.fixture
def copied(study_folder: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the finished study, and the file that it was made from."""
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study_folder.record()["config"]))
    return RunFolder(Path(shutil.copytree(study_folder.path, tmp_path / "runs" / "small")))


def test_a_dry_run_of_another_run_than_the_folder_holds_says_that_it_is_refused(
    rftcore: Command, copied: RunFolder
) -> None:
    held = copied.record()["id"][:12]
    done = rftcore("study", "study.yaml", "--dry-run", "training.updates=5")
    assert (done.code, done.err) == (1, "")
    planned = done.out.split()[3]
    assert held != planned
    assert done.out.endswith(
        f"it is refused: 'runs/small' holds the run {held}, this one is {planned}: its configuration differs. Give "
        "this run another name, or delete that folder (--fresh does)\n"
    )
    assert "jobs are done" not in done.out
    fresh = rftcore("study", "study.yaml", "--dry-run", "training.updates=5", "--fresh")
    assert (fresh.code, fresh.err) == (0, "")
    assert fresh.out.endswith(
        f"the run {held} in runs/small is deleted first (--fresh)\n0 of 37 jobs are done in runs/small\n"
    )
    assert copied.record()["id"][:12] == held


def test_a_fresh_dry_run_says_what_the_fresh_run_would_do_with_the_folder(
    rftcore: Command, copied: RunFolder
) -> None:
    file = copied.path / "run.json"
    file.write_text('{"id": "a", "kind": "study", "config": {}, "plan": {}, "schema_version": 99}')
    assert rftcore("study", "study.yaml", "--dry-run").code == 2
    fresh = ("study", "study.yaml", "--dry-run", "--fresh")
    for text in (None, "{"):
        if text is not None:
            file.write_text(text)
        done = rftcore(*fresh)
        assert (done.code, done.err) == (0, "")
        assert done.out.endswith(
            "the run in runs/small is deleted first (--fresh)\n0 of 37 jobs are done in runs/small\n"
        )
    file.unlink()
    refused = rftcore(*fresh)
    assert (refused.code, refused.err) == (1, "")
    told = "'runs/small' is not deleted: it holds no run.json, so it is no run. Choose another name"
    assert " ".join(refused.out.split()).endswith(f"it is refused: {told}")
    assert "deleted first" not in refused.out and "jobs are done" not in refused.out
    with pytest.raises(RunError) as real:
        copied.delete()
    assert str(real.value).replace(str(copied.path), "runs/small") == told
    shutil.rmtree(copied.path)
    assert rftcore(*fresh).out.endswith("0 of 37 jobs are done in runs/small\n")


@pytest.mark.parametrize("how", ["--dry-run", "--probe"])
def test_where_nothing_is_left_nothing_is_measured_and_no_cost_is_told(
    rftcore: Command, copied: RunFolder, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("rftcore.probe.probe", None)
    done = rftcore("study", "study.yaml", how)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert "nothing is left to do, so it costs nothing more" in lines
    assert lines[-1] == "37 of 37 jobs are done in runs/small"
    for words in ("budget", "for what is left", "largest", "memory:", "disk:"):
        assert words not in done.out
    copied.cell(load_record(copied)[1].cells[-1].key).unlink()  # the expert's: with this left to do, it costs
    again = rftcore("study", "study.yaml", "--dry-run")
    assert "\nbudget\n" in again.out and again.out.endswith("36 of 37 jobs are done in runs/small\n")


def test_a_dry_run_where_the_record_is_damaged_counts_what_the_run_would_go_on_with(
    rftcore: Command, copied: RunFolder
) -> None:
    file = copied.path / "run.json"
    file.write_text(file.read_text(encoding="utf-8")[:-9])
    done = rftcore("study", "study.yaml", "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("37 of 37 jobs are done in runs/small\n")
