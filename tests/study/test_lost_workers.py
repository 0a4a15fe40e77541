"""A worker that dies costs the time since its job's last checkpoint, and a job that kills every worker ends the run."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rftcore import Experiment, RunError, study
from rftcore.display import Display
from rftcore.display.lines import Lines
from rftcore.executor import Job, Outcome, Progress
from rftcore.executors.inline import Inline
from rftcore.schemas.config import Component
from rftcore.study import run_folder
from tests.conftest import workers
from tests.study.conftest import report_of, small


class Killer(Display):
    """Kills the only worker when its job has got so far."""

    def __init__(self, done: float) -> None:
        self.done, self.told = done, list[str]()

    def progress(self, progress: Progress) -> None:
        if progress.done == self.done and not self.told:
            (worker,) = workers()
            os.kill(worker, signal.SIGKILL)
            self.told.append("killed")

    def lost(self, job: str, error: BaseException) -> None:
        self.told.append(str(error))


def test_a_stage_whose_worker_is_killed_goes_on_in_another_one_to_the_same_numbers(
    model: Path, tmp_path: Path, differences: Callable[[Any, Any], list[str]]
) -> None:
    experiment = Experiment(small(model, train="even:easy", evaluation={"tasks": 2, "samples": 1}))
    experiment.run(tmp_path / "undisturbed")
    killer = Killer(2)
    folder = experiment.create(tmp_path)
    run_folder(folder, display=killer, executor=Component(name="processes", options={"workers": 1}))
    killed, why = killer.told
    assert killed == "killed"
    assert why.startswith("train even:easy: its worker process died (exit code -9, signal SIGKILL")
    assert differences(report_of(folder.path), report_of(tmp_path / "undisturbed/small")) == []


class Fatal(Inline):
    """Loses the worker of a stage, so many times."""

    deaths = 0

    def wait(self, on_progress: Callable[[Progress], None]) -> Outcome:
        if not Fatal.deaths or not self._queue[0].label.startswith("train"):
            return super().wait(on_progress)
        Fatal.deaths -= 1
        job: Job = self._queue.popleft()
        on_progress(Progress(job.id, 0, 1, "starts"))
        return Outcome(job.id, error=RunError(f"{job.label}: its worker process died"), lost=True)


@pytest.mark.parametrize(("deaths", "ends"), [(2, True), (3, False)])
def test_a_job_is_given_again_twice_and_not_for_ever(
    deaths: int, ends: bool, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fatal, "deaths", deaths)
    monkeypatch.setattr(study.registry, "create", _with_fatal(study.registry.create))
    paper = io.StringIO()
    lines = Lines(Console(file=paper, width=200))
    experiment = Experiment(small(model, train="even:easy", references=[]))
    if ends:
        experiment.run(tmp_path, display=lines)
        assert (tmp_path / "small/report.json").is_file()
    else:
        with pytest.raises(RunError, match="train even:easy: its worker process died"):
            experiment.run(tmp_path, display=lines)
    said = paper.getvalue()
    assert said.count("It is given to another worker, and goes on from what it had saved.") == 2
    assert ("train even:easy failed: " in said) is not ends


def _with_fatal(create: Callable[..., Any]) -> Callable[..., Any]:
    return lambda kind, *rest, **more: Fatal() if kind == "executor" else create(kind, *rest, **more)
