"""Runs that an older version made: today's code reads them, reports the same numbers, and goes on with them.

`tests/specimens/runs_of_schema_1` was made when records had no checksums, by that version's own code: one run that
trained two stages, without its checkpoints, and one evaluation of a policy.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rftcore import RunError, registry
from rftcore.blueprint import load_record
from rftcore.comparison import compare
from rftcore.garbage import garbage
from rftcore.records import SCHEMA_VERSION, RunFolder, read_groups, read_lines
from rftcore.study import run_folder
from tests.study.conftest import Done, report_of

OLD = Path(__file__).parents[1] / "specimens" / "runs_of_schema_1"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the runs of schema version 1, whose metrics are said to behave as the installed ones do.

    A run is refused whose metrics have changed; here it is the form of the records that has.
    """
    root = Path(shutil.copytree(OLD, tmp_path / "runs"))
    for file in root.glob("*/run.json"):
        record = json.loads(file.read_text(encoding="utf-8"))
        specs = record["plan"]["specs"]
        specs |= {name: registry.spec(*name.split("/")).version for name in specs if name.startswith("metric/")}
        file.write_text(json.dumps(record), encoding="utf-8")
    return root


def cells(folder: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """The figures of each cell that do not depend on how a metric words them."""
    report = report_of(folder)
    every = [*report["references"], *(cell for axis in report["axes"].values() for cell in axis)]
    names = ("avg_at_k", "pass_at_k", "ci_low", "ci_high", "turns", "invalid_rate", "generated_tokens", "tasks", "k")
    return {
        (cell["train"], cell["environment"], cell["difficulty"]): {name: cell[name] for name in names} for cell in every
    }


def curves(folder: Path) -> dict[str, Any]:
    """The curve of each stage, and what it cost."""
    return {stage["name"]: (stage["curve"], stage["budget"]) for stage in report_of(folder)["stages"]}


def test_a_finished_run_is_reported_with_the_same_numbers(old: Path) -> None:
    before = cells(old / "trained"), curves(old / "trained")
    (old / "trained" / "report.json").unlink()
    run_folder(RunFolder(old / "trained"))
    assert (cells(old / "trained"), curves(old / "trained")) == before
    assert [len(found) for found in before] == [8, 2]
    assert json.loads((OLD / "trained" / "run.json").read_text())["schema_version"] == 1 < SCHEMA_VERSION


def test_a_run_of_the_older_version_goes_on_to_the_same_numbers_and_its_new_records_have_checksums(old: Path) -> None:
    folder = RunFolder(old / "played")
    before = cells(folder.path)
    _, plan = load_record(folder)
    for file in (folder.cell(plan.cells[1].key), folder.cell_figures(plan.cells[2].key)):
        file.unlink()
    run_folder(folder)
    assert cells(folder.path) == before
    assert '"crc32"' in folder.cell(plan.cells[1].key).read_text(encoding="utf-8")
    assert '"crc32"' not in folder.cell(plan.cells[0].key).read_text(encoding="utf-8")


def test_every_other_reader_of_records_reads_the_older_version(old: Path, rftcore: Any) -> None:
    folder = RunFolder(old / "trained")
    _, plan = load_record(folder)
    assert len(read_lines(folder.stage(plan.stages[0].key) / "updates.jsonl")) == 3
    assert len(read_groups(folder.trajectories(plan.stages[0].key, 0))) == 3
    assert compare(folder, folder, from_checkpoint="base", to_checkpoint="even:easy").cells
    assert garbage(folder) == []
    for command in (("runs",), ("metrics", "trained"), ("report", "trained")):
        done: Done = rftcore(*command, "--runs", old)
        assert done.code == 0, done.err
    exported: Done = rftcore("export", "trained", "--trajectories", "train", "--out", "t.jsonl", "--runs", old)
    assert exported.code == 0, exported.err


def test_a_run_of_a_later_version_is_refused(old: Path) -> None:
    file = old / "played" / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(RunError, match=r"has schema version 3, expected at most 2: a later version of rftcore made"):
        load_record(RunFolder(old / "played"))
