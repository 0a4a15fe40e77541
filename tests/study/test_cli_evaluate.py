"""`rftcore evaluate`: what it plays, and what it prints for people and for programs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rftcore.blueprint import load_record
from rftcore.records import RunFolder
from tests.study.conftest import Done, report_of

Command = Callable[..., Done]


@pytest.fixture
def copied(study_folder: RunFolder, tmp_path: Path) -> Path:
    """A folder of runs with a copy of the finished study."""
    shutil.copytree(study_folder.path, tmp_path / "runs/small")
    return tmp_path / "runs"


def test_a_checkpoint_of_a_run_is_evaluated_under_the_runs_own_settings(rftcore: Command, copied: Path) -> None:
    done = rftcore("evaluate", "small", "--checkpoint", "even:easy", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)  # one document
    assert told["masked"] == 0
    assert [note[:33] for note in told["notes"]] == ["The start policy was warmed up by"]
    assert [(row["phase"], row["environment"], row["difficulty"]) for row in told["accounts"]] == [
        ("evaluation", name, level) for name in ("even", "third") for level in ("easy", "hard")
    ]
    for row in told["accounts"]:
        assert (row["samples"], row["episodes"], row["masked"], row["masked_share"]) == (6, 6, {}, 0.0)
        assert row["success_low"] == row["success"] == row["success_high"]
    cells = told["cells"]
    expected = [cell for cell in report_of(copied / "small")["axes"]["difficulty"] if cell["train"] == "even:easy"]
    assert [cell["avg_at_k"] for cell in cells] == [cell["avg_at_k"] for cell in expected]
    assert [cell["turns"] for cell in cells] == [cell["turns"] for cell in expected]
    last = rftcore("evaluate", "small", "--environment", "third", "evaluation.tasks=2", "--name", "mine")
    assert last.code == 0, last.err
    rows = [line.split() for line in last.out.splitlines() if line.startswith("small ")]
    assert [row[:2] for row in rows] == [["small", "third:easy"], ["small", "third:hard"]]
    assert [row[-3:] for row in rows] == [["2", "x", "2"]] * 2
    assert last.out.endswith("\nruns/mine/report.html\n")
    wrong = rftcore("evaluate", "small", "--checkpoint", "even:hard")
    assert wrong.code == 2
    assert "--checkpoint even:hard: small has base, even:easy, even:easy>even:hard, third" in wrong.err


def test_the_evaluation_of_a_checkpoint_keeps_it_and_says_where_it_is_not(
    rftcore: Command, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("evaluate", "small", "--environment", "even", "evaluation.tasks=2")
    done = rftcore(*asked, "--name", "mine")
    assert done.code == 0, done.err
    mine, small = RunFolder(copied / "mine"), RunFolder(copied / "small")
    named = mine.record()["config"]["model"]
    assert Path(named).is_dir() and not Path(named).is_absolute()
    mine.cell(load_record(mine)[1].cells[0].key).unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with monkeypatch.context() as patch:
        patch.chdir(elsewhere)
        kept = rftcore("gc", "small", "--results", "--yes", "--runs", copied)
        assert kept.code == 0, kept.err
        assert (tmp_path / named).is_dir()
        lost = rftcore("resume", "mine", "--runs", copied)
    assert lost.code == 2
    assert (
        f"\n  model {named}: there is no such folder from '{elsewhere}'; expected the command where the run was made, "
        "or the folder back in its place\n"
    ) in lost.err
    gone = [stage for stage in load_record(small)[1].stages if not (small.stage(stage.key) / "checkpoint").exists()]
    assert len(gone) == 4
    for stage in gone:
        told = rftcore(*asked, "--checkpoint", stage.name)
        assert (told.code, told.out) == (2, "")
        assert f"--checkpoint {stage.name} of small was trained and is not there any more: `rftcore gc`" in told.err
    (small.stage(gone[0].key) / "stage.json").unlink()
    assert "is not trained yet" in rftcore(*asked, "--checkpoint", gone[0].name).err
    again = rftcore("resume", "mine")
    assert again.code == 0, again.err


def test_a_model_is_evaluated_beside_floor_and_ceiling(rftcore: Command, model: Path) -> None:
    arguments = ["evaluate", str(model), "--environment", "even", "sampling.max_new_tokens=3", "seed=0"]
    done = rftcore(*arguments, "evaluation={tasks: 3, samples: 2}")
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines() if "even:" in line]
    assert [row[0] for row in rows] == [str(model)] * 2 + ["random"] * 2 + ["oracle"] * 2
    assert [row[2] for row in rows][-2:] == ["100.0%"] * 2
    names = [path.name for path in Path("runs").iterdir()]
    assert len(names) == 1
    assert re.fullmatch(r"evaluation-[0-9a-f]{8}", names[0])
    again = rftcore(*arguments, "evaluation={tasks: 3, samples: 2}")
    assert (again.code, again.err, again.out) == (0, "", done.out)  # nothing left to do
