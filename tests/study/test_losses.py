"""Losses of which no job has too many, and the run has: no report before somebody accepts them, and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chance import Even  # type: ignore[import-not-found]

from rftcore import registry
from rftcore.errors import RunError
from rftcore.records import RunFolder
from rftcore.schemas.report import Report
from rftcore.schemas.task import Task
from rftcore.specs import EnvironmentSpec
from rftcore.study import Evaluation, run_folder


class Holed(Even):  # type: ignore[misc]
    """Even, but that every fourth task cannot be started."""

    name = "holed"
    started = 0

    def start(self, task: Task) -> Any:
        type(self).started += 1
        if task.seed % 4 == 0:
            raise OSError("a level is missing")
        return super().start(task)


@pytest.fixture(autouse=True)
def holed(monkeypatch: pytest.MonkeyPatch) -> type[Holed]:
    monkeypatch.setattr(registry, "_added", {})
    monkeypatch.setattr(Holed, "started", 0)
    registry.add(EnvironmentSpec(name="holed", target=f"{__name__}:Holed", summary="a quarter of it is missing"))
    return Holed


def run(root: Path, samples: int = 4, **faults: Any) -> Report:
    played = {"policy": "random", "environments": {"holed": {}}, "evaluation": {"tasks": 8, "samples": samples}}
    return Evaluation(name="run", **played, faults=faults).run(root)


def test_what_all_cells_lost_together_is_no_report_until_it_is_accepted(holed: type[Holed], tmp_path: Path) -> None:
    with pytest.raises(RunError) as told:
        run(tmp_path)
    assert str(told.value) == (
        "holed: in all of evaluation, 16 of 64 samples were lost to the machine; expected fewer than 10%, or fewer "
        "than 10. What is left may be the easier tasks, so the run ends without a report.\n"
        "  random on holed:easy: 8 of 32, 8 environment_error\n"
        "  random on holed:hard: 8 of 32, 8 environment_error\n"
        "All that was played is kept in the run's folder, where the trajectories tell each `error`. Mend holed and "
        "make a new run; or have the report of this one, with what the losses may hide: give the command again with "
        "faults.lost_share above 0.25 (at 1 no loss stops it), or faults.least above 16"
    )
    assert not (tmp_path / "run" / "report.json").exists()
    kept = {file: file.read_bytes() for file in (tmp_path / "run" / "cells").iterdir()}
    assert len(kept) == 4
    before = holed.started
    report = run(tmp_path, lost_share=0.26)
    assert holed.started == before  # nothing is played again
    assert {file: file.read_bytes() for file in kept} == kept
    assert report.masked == 16
    assert any(note.startswith("In evaluation, 16 of 64 samples in holed were masked") for note in report.notes)


def test_a_run_that_has_its_report_is_not_refused_what_it_lost_and_one_without_stays_refused(tmp_path: Path) -> None:
    accepted = run(tmp_path, lost_share=1.0)  # an earlier version reported this whatever was lost
    folder = RunFolder(tmp_path / "run")
    assert run(tmp_path).masked == accepted.masked == 16
    assert run_folder(folder).masked == 16  # as `rftcore resume` does
    (folder.path / "report.json").unlink()
    for _ in range(2):
        with pytest.raises(RunError, match="the run ends without a report"):
            run(tmp_path)
        assert not (folder.path / "report.json").exists()


@pytest.mark.parametrize("faults", [{"least": 17}, {"lost_share": 1.0}, {"lost_share": 0.5}])
def test_each_setting_that_the_message_names_accepts_them(tmp_path: Path, faults: dict[str, float]) -> None:
    assert run(tmp_path, **faults).masked == 16


def test_a_share_above_that_of_broken_tasks_accepts_them_though_they_are_played_in_a_row(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holed: 16 of its newest 16 samples .* of these and the next 144, or"):
        run(tmp_path, samples=20)
    assert run(tmp_path, samples=20, lost_share=0.3).masked == 80
