"""Runs a plan: every stage when its parent is done, every cell when its checkpoint is, side by side where they can be.

The run folder is the only memory. What is already done there is not done again, so running a study, resuming it after
a kill, and reading a finished one are the same call. Observation hooks fire here, in the driver process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rftcore import plugins, records, registry
from rftcore.display import Display, Silent
from rftcore.errors import RunError
from rftcore.executor import Executor, Job, Progress
from rftcore.experiment import Blueprint, load_record, settings
from rftcore.plan import Plan
from rftcore.records import RunFolder
from rftcore.report.build import build_report
from rftcore.report.html import write_html
from rftcore.schemas.config import Component, ExperimentConfig, Settings, StudyConfig
from rftcore.schemas.events import Evaluated, GroupFinished, RunFinished, RunStarted, UpdateFinished
from rftcore.schemas.report import Report


class Study:
    """Several lines of training, evaluated on the same fixed tasks, and reported along three axes.

    Compose it from a file (`Study("study.yaml", ["training.updates=20"])`) or from fields that may hold live components
    (`Study(environments=[TextCraft()], axes={"difficulty": ["textcraft:easy"]})`). Both ways give the same id.
    """

    kind: type[Settings] = StudyConfig

    def __init__(self, source: Any = None, overrides: Sequence[str] = (), **fields: Any) -> None:
        """Resolve and check everything that can be checked without loading a model.

        Raises ConfigError or PluginError.
        """
        self.blueprint = Blueprint(settings(self.kind, source, overrides, **fields))
        self.config = self.blueprint.config
        self.id = self.blueprint.id

    def run(self, root: Path | str = records.RUNS, *, fresh: bool = False, display: Display | None = None) -> Report:
        """Do what is not done yet, in `root/NAME`, and write the report. `fresh` deletes an earlier run of that name.

        Raises RunError when the folder belongs to another run, or a job failed.
        """
        folder = RunFolder(Path(root) / self.config.name)
        if fresh:
            folder.delete()
        folder.create(self.blueprint.record())
        return run_folder(folder, display=display)


class Experiment(Study):
    """One line of training: `Experiment(train="textcraft:easy>textcraft:hard")`, or any curriculum."""

    kind = ExperimentConfig


def run_folder(folder: RunFolder, *, display: Display | None = None, executor: Component | None = None) -> Report:
    """Do what is left of a run and write its report; `executor` may differ from the configured one."""
    config, plan = load_record(folder)
    began, show, run = time.monotonic(), display or Silent(), folder.record()["id"]
    where = {"run": run, "folder": str(folder.path)}
    jobs = {job.id: (job, needs) for job, needs in _jobs(folder, plan)}
    done = {key for key in jobs if _finished(folder, plan, key)}
    plugins.notify(RunStarted(**where, config=config.model_dump(mode="json"), resumed=bool(done)))
    component = executor or config.executor
    runner: Executor = registry.create("executor", component.name, component.options, "executor")
    relay = _Relay(folder, plan, where)
    try:
        with show:
            show.plan([job for key, (job, _) in jobs.items() if key not in done], runner.slots)
            _work(runner, jobs, done, show, relay)
    finally:
        runner.close()
    report = build_report(folder, config, plan, study_seconds=time.monotonic() - began)
    records.write_json(folder.path / "report.json", report.model_dump(mode="json"))
    write_html(folder.path, report)
    plugins.notify(RunFinished(**where, report=str(folder.path / "report.json")))
    return report


def _work(
    runner: Executor, jobs: dict[str, tuple[Job, str | None]], done: set[str], show: Display, relay: _Relay
) -> None:
    """Submit what can run, wait for one, and again; the first failure stops the rest after the running jobs' notice."""
    waiting = {key: pair for key, pair in jobs.items() if key not in done}
    running: set[str] = set()

    def progressed(progress: Progress) -> None:
        show.progress(progress)
        relay.progressed(progress.job)

    while waiting or running:
        for key in [key for key, (_, needs) in waiting.items() if needs is None or needs in done]:
            job, _ = waiting.pop(key)
            runner.submit(job)
            running.add(key)
        outcome = runner.wait(progressed)
        running.discard(outcome.job)
        if outcome.error is not None:
            raise outcome.error
        done.add(outcome.job)
        relay.finished(outcome.job, outcome.value)
        show.finished(outcome.job)


def _jobs(folder: RunFolder, plan: Plan) -> Iterator[tuple[Job, str | None]]:
    """Yield every job with the key of the job it needs, long ones before short ones."""
    payload = str(folder.path.absolute())
    for stage in plan.stages:
        job = Job(stage.key, "rftcore.experiment:train_stage", {"run": payload, "key": stage.key}, f"train {stage.name}")
        yield job, stage.parent
    for cell in plan.cells:
        label = f"evaluate {cell.train} on {cell.environment}:{cell.difficulty}"
        yield Job(cell.key, "rftcore.experiment:evaluate_cell", {"run": payload, "key": cell.key}, label), cell.checkpoint


def _finished(folder: RunFolder, plan: Plan, key: str) -> bool:
    if any(node.key == key for node in plan.stages):
        return (folder.stage(key) / "stage.json").is_file()
    return folder.cell_figures(key).is_file() and folder.cell(key).is_file()


class _Relay:
    """Turns what jobs leave in the run folder into events for observers."""

    def __init__(self, folder: RunFolder, plan: Plan, where: dict[str, str]) -> None:
        self._folder, self._where = folder, where
        self._stages = {node.key: node for node in plan.stages}
        self._told = {key: len(records.read_lines(folder.stage(key) / "updates.jsonl")) for key in self._stages}

    def progressed(self, key: str) -> None:
        node = self._stages.get(key)
        if node is None:
            return
        lines = records.read_lines(self._folder.stage(key) / "updates.jsonl")
        for line in lines[self._told[key] :]:
            for group in line.pop("groups"):
                plugins.notify(GroupFinished(**self._where, stage=node.name, update=line["update"], **group))
            plugins.notify(UpdateFinished(**self._where, stage=node.name, update=line["update"], stats=line))
        self._told[key] = len(lines)

    def finished(self, key: str, value: Any) -> None:
        self.progressed(key)
        if key not in self._stages:
            found = {name: value[name] for name in ("train", "environment", "difficulty", "scores")}
            plugins.notify(Evaluated(**self._where, **found))
