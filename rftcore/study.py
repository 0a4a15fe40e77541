"""Runs a plan: every stage when its parent is done, every cell when its checkpoint is, side by side where they can be.

The run folder is the only memory. What is already done there is not done again, so running a study, resuming it after
a kill, and reading a finished one are the same call. Observation hooks fire here, in the driver process.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rftcore import launch, records, registry
from rftcore.agenda import agenda, urgency
from rftcore.blueprint import Blueprint, load_record, settings
from rftcore.checks import check_here, check_side_by_side
from rftcore.display import Display, Several, Silent
from rftcore.display.file import ProgressFile
from rftcore.errors import ConfigError, RunError
from rftcore.executor import Executor, Job, Progress
from rftcore.experiment import dismiss, follow
from rftcore.models import ask_hub
from rftcore.plan import CellNode, Plan
from rftcore.players import check_player, players
from rftcore.provenance import versions
from rftcore.records import RunFolder
from rftcore.report.accounts import check_losses
from rftcore.report.build import build_report
from rftcore.report.card import write_card
from rftcore.report.html import write_html
from rftcore.resumption import check_starts, check_unchanged, set_aside_damaged, set_aside_damaged_records
from rftcore.room import check_room
from rftcore.runlog import seconds_worked, updates_told
from rftcore.schemas.config import Component, EvaluationConfig, ExperimentConfig, Settings, StudyConfig
from rftcore.schemas.events import Evaluated, GroupFinished, RunFinished, RunStarted, UpdateFinished
from rftcore.schemas.report import Report
from rftcore.sessions import begin
from rftcore.tracking import Tracking


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

        Raises RunError when the folder belongs to another run, another process works there, a job failed, or all of
        them together lost too many samples.
        """
        return run_folder(self.create(root, fresh=fresh), display=display)

    def create(self, root: Path | str = records.RUNS, *, fresh: bool = False) -> RunFolder:
        """Make the run's folder and write down what is to be done; `run_folder` does it. Raises as `run` does."""
        if self.blueprint.plan.model:
            ask_hub(self.config.model)
        for policy in players(self.config):
            check_player(policy)
        folder = RunFolder(Path(root) / self.config.name)
        if launch.rank():
            return folder
        if fresh:
            folder.delete()
        folder.create(self.blueprint.record())
        return folder


class Experiment(Study):
    """One line of training: `Experiment(train="textcraft:easy>textcraft:hard")`, or any curriculum."""

    kind = ExperimentConfig


class Evaluation(Study):
    """A model that is not trained, or a policy, on the fixed test tasks: `Evaluation(model="runs/mine/checkpoint")`."""

    kind = EvaluationConfig


def run_folder(folder: RunFolder, *, display: Display | None = None, executor: Component | None = None) -> Report:
    """Do what is left of a run and write its report; `executor` runs the jobs in place of the configured one.

    What it goes on from must be as it was: `rftcore.resumption` says what that means.

    Raises RunError when another process works on the run, when something that its numbers depend on has changed, and
    when all of its jobs together lost too many samples for a report; and whatever the first job that failed raised.
    """
    if launch.rank():  # of several processes one leads, and reports
        follow()
        return Report.model_validate(records.read_json(folder.path / "report.json"))
    with folder.lock():
        config, plan = load_record(folder)
        with Tracking(config.trackers) as tracking:
            return _continue(folder, config, plan, tracking, display or Silent(), executor or config.executor)


def _continue(
    folder: RunFolder, config: Settings, plan: Plan, tracking: Tracking, display: Display, executor: Component
) -> Report:
    jobs = dict(agenda(folder, config, plan))
    set_aside_damaged_records(folder, plan)
    done = finished(folder, plan)
    before, began = seconds_worked(folder.path), time.monotonic()
    where = {"run": folder.record()["id"], "folder": str(folder.path)}
    tracking.notify(RunStarted(**where, config=config.model_dump(mode="json"), resumed=before > 0))
    if len(done) < len(jobs):
        check_unchanged(config, plan)
        check_starts(config, plan, done)
        while set_aside_damaged(folder, plan, done):
            done = finished(folder, plan)
        if launch.count() > 1 and executor.name != "inline":
            raise ConfigError(
                f"executor: found {executor.name!r}, expected 'inline' where {launch.count()} processes were "
                "launched: they do one job at a time, together"
            )
        if config.device.startswith("cuda:") and executor.name != "inline":
            raise ConfigError(
                f"device: found {config.device!r}, expected 'cuda' or 'auto' with the executor {executor.name!r}, "
                "which gives each job a GPU of its own; CUDA_VISIBLE_DEVICES says which ones it may take"
            )
        runner = registry.create("executor", executor.name, executor.options, "executor")
        check_side_by_side(config, plan, done, runner.slots)
        if not runner.elsewhere:
            check_here(config, plan, done)
        check_room(config, plan, folder, done, runner, display.warned)
        begin(folder.path, versions(config, plan), executor.name)
        show = Several(display, ProgressFile(folder.path))
        _work(runner, folder, jobs, done, show, _Relay(folder, plan, where, tracking))
    seconds = before + time.monotonic() - began
    report = build_report(folder, config, plan, study_seconds=seconds)
    if not (folder.path / "report.json").is_file():  # what was reported once stays so
        check_losses(report.accounts, config.faults)
    records.write_json(folder.path / "report.json", report.model_dump(mode="json"))
    write_html(folder.path, report)
    write_card(folder.path, report)
    tracking.notify(RunFinished(**where, report=str(folder.path / "report.json")))
    dismiss()
    return report


def finished(folder: RunFolder, plan: Plan) -> set[str]:
    """Return the keys of the stages and cells that need not run.

    A checkpoint that was removed is made again only when something that is not done starts from it. A cell whose
    policy had no budget left is not done: it is played again, from the answers that were paid for.
    """
    done = {cell.key for cell in plan.cells if _played(folder, cell)}
    needed = {cell.checkpoint for cell in plan.cells if cell.key not in done}
    for stage in reversed(plan.stages):  # parents come before children
        place = folder.stage(stage.key)
        told = (place / "stage.json").is_file() and (place / "updates.jsonl").is_file()
        if told and (stage.key not in needed or (place / "checkpoint" / "checkpoint.json").is_file()):
            done.add(stage.key)
        else:
            needed.add(stage.parent)
    return done


def _played(folder: RunFolder, cell: CellNode) -> bool:
    figures = folder.cell_figures(cell.key)
    if not (figures.is_file() and folder.cell(cell.key).is_file()):
        return False
    try:
        return not (cell.policy and records.read_json(figures).get("stopped", False))
    except RunError:  # damaged
        return False


def _work(
    runner: Executor,
    folder: RunFolder,
    jobs: Mapping[str, tuple[Job, str | None]],
    done: set[str],
    show: Display,
    relay: _Relay,
) -> None:
    """Run jobs until all are done, the most urgent first; one whose worker died is given again.

    After a failure those that run are let finish, and no other begins.
    """
    waiting = {key: pair for key, pair in jobs.items() if key not in done}
    running: set[str] = set()
    deaths: Counter[str] = Counter()
    failure: BaseException | None = None
    urgent = urgency(jobs)

    def progressed(progress: Progress) -> None:
        show.progress(progress)
        relay.progressed(progress.job, progress.done)

    try:
        with show:
            show.run(folder.path, [job for key, (job, _) in jobs.items() if key in done])
            show.plan([job for job, _ in waiting.values()], runner.slots)
            while True:
                ready = [key for key, (_, needs) in waiting.items() if needs is None or needs in done]
                ready.sort(key=urgent.__getitem__, reverse=True)
                for key in ready[: max(0, runner.slots - len(running))] if failure is None else ():
                    runner.submit(waiting.pop(key)[0])
                    running.add(key)
                if not running:
                    break
                outcome = runner.wait(progressed)
                running.discard(outcome.job)
                if outcome.error is None:
                    done.add(outcome.job)
                    relay.finished(outcome.job, outcome.value)
                    show.finished(outcome.job)
                elif outcome.lost and deaths[outcome.job] < RETRIES and failure is None:
                    deaths[outcome.job] += 1
                    waiting[outcome.job] = jobs[outcome.job]
                    show.lost(outcome.job, outcome.error)
                else:
                    failure = failure or outcome.error
                    show.failed(outcome.job, outcome.error)
    finally:
        runner.close()
    if failure is not None:
        raise failure


RETRIES = 2
"""Further times that a job is given to a worker after one has died with it. It goes on from its last checkpoint, so to
try again is safe; one that kills every worker, as for want of memory, must end."""


class _Relay:
    """Turns what jobs leave in the run folder into events for observers."""

    def __init__(self, folder: RunFolder, plan: Plan, where: dict[str, str], tracking: Tracking) -> None:
        self._folder, self._where, self._tracking = folder, where, tracking
        self._stages = {node.key: node for node in plan.stages}
        told = updates_told(folder.path)
        self._told = {key: told.get(node.name, 0) for key, node in self._stages.items()}
        for key in self._stages:  # what a session made that was killed before it told
            self.progressed(key)

    def progressed(self, key: str, done: float = math.inf) -> None:
        """Tell what the stage wrote down; a stage with `done` updates has written no more lines than these."""
        node = self._stages.get(key)
        if node is None or done <= self._told[key]:
            return
        lines = records.read_lines(self._folder.stage(key) / "updates.jsonl")
        for line in lines[self._told[key] :]:
            for group in line.pop("groups"):
                self._tracking.notify(GroupFinished(**self._where, stage=node.name, update=line["update"], **group))
            self._tracking.notify(UpdateFinished(**self._where, stage=node.name, update=line["update"], stats=line))
        self._told[key] = max(self._told[key], len(lines))

    def finished(self, key: str, value: Any) -> None:
        self.progressed(key)
        if key not in self._stages:
            found = {name: value[name] for name in ("train", "environment", "difficulty", "scores")}
            self._tracking.notify(Evaluated(**self._where, **found))
