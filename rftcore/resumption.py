"""What must hold before a run goes on: nothing that its numbers depend on has changed, and it goes on from whole files.

Old and new numbers are never mixed: a run whose model, task lists or plugins are not the recorded ones is refused. A
damaged checkpoint or record is moved aside, so that its stage is trained, or its cell played, again. An environment
that cannot start is found before anything is trained.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from rftcore import registry, updates
from rftcore.attempts import seen
from rftcore.blueprint import make_environment
from rftcore.checkpoint import verify
from rftcore.deadline import timed
from rftcore.environment import Environment
from rftcore.errors import ConfigError, EpisodeError, RunError
from rftcore.models import fingerprint
from rftcore.plan import Plan, make_plan
from rftcore.records import RunFolder, check_cell, read_json, read_lines
from rftcore.schemas.config import Settings
from rftcore.schemas.task import Task
from rftcore.sessions import FILE as SESSIONS
from rftcore.stages import demonstrations, settings_of, train_tasks


def check_unchanged(config: Settings, plan: Plan) -> None:
    """Raise RunError that names what is not as it was when `plan` was made, and as `make_plan` does."""
    environments = {name: make_environment(config, name) for name in config.environments}
    now = make_plan(config, environments, fingerprint(config.model) if plan.model else "")
    changes = [f"\n  {change}" for change in _changes(config, plan, now)]
    if changes:
        raise RunError(
            f"this run cannot go on: what its numbers depend on has changed since it was made{''.join(changes)}\n"
            "Bring back what it was made with, or make a new run under another name"
        )


def check_starts(config: Settings, plan: Plan, done: Collection[str]) -> None:
    """Start one episode in each environment that is still to be evaluated in, before anything is trained.

    It has the run's deadlines, and as many attempts as an episode of a rollout, each with another task: a failure of
    one episode, or of one task, is none of the run.

    Raises what an environment says to a person, such as ConfigError when a program that it needs is missing; RunError
    when it starts nothing; and ConfigError when an expert is to be learned from and there is none.
    """
    waiting = {cell.environment: cell.difficulty for cell in plan.cells if cell.key not in done}
    for name, difficulty in waiting.items():
        environment = _watched(config, name)
        try:
            seen(environment, environment.tasks("test", difficulty), lambda episode: None)
        except EpisodeError as error:
            raise RunError(
                f"{error}. Nothing was trained or played with it in this session; mend {name}, then resume the run"
            ) from error
    for stage in plan.stages:
        shown = demonstrations(settings_of(config, stage.stage).algorithm)
        if stage.key not in done and shown is not None and shown.recording is None:
            names = {source.environment for source in stage.stage.sources}
            environments = {name: _watched(config, name) for name in names}
            for tasks in train_tasks(stage.stage, environments).values():
                _check_expert(environments[tasks[0].environment], tasks[0], stage.name)


def _watched(config: Settings, name: str) -> Environment:
    """Return an environment within the run's deadlines."""
    return timed(make_environment(config, name), config.faults.longest_step)


def _check_expert(environment: Environment, task: Task, stage: str) -> None:
    """Raise ConfigError when there is no expert; one that fails is the rollout's affair, which counts what it loses."""
    try:
        action = seen(environment, [task], lambda episode: episode.expert_action())
    except EpisodeError:
        return
    if action is None:
        raise ConfigError(
            f"{stage}: {environment.name} has no expert that acts in task {task.id!r}, so nobody demonstrates "
            "anything; learn from recorded trajectories, or from the model's own successes"
        )


def _changes(config: Settings, plan: Plan, now: Plan) -> Iterator[str]:
    for place in sorted({*plan.recordings, *now.recordings}):
        if plan.recordings.get(place) != now.recordings.get(place):
            yield f"recorded trajectories {place}: what they hold is not what it was"
    if plan.model != now.model == config.model:  # what is no folder is taken for the id of a model on the hub
        yield (
            f"model {config.model}: there is no such folder from {str(Path.cwd())!r}; expected the command where the "
            "run was made, or the folder back in its place"
        )
    elif plan.model != now.model:
        yield f"model {config.model}: it was {plan.model[:12]}, and is {now.model[:12]}"
    for place in sorted({*plan.manifests, *now.manifests}):
        was, found = (one.manifests.get(place) for one in (plan, now))
        if was != found:
            yield f"task list {place}: its sha256 was {_short(was)}, and is {_short(found)}"
    for name in sorted(now.specs):  # one that is not used any more, as an evaluation's algorithm, changes no number
        was, found = (one.specs.get(name) for one in (plan, now))
        if was != found:
            kind, _, short = name.partition("/")
            owner = registry.owner(kind, short).owner
            yield f"{kind} {short}: its behaviour version was {was}, and is {found} in {owner}"
    if _keys(plan) != _keys(now):
        yield "the keys of its jobs, which follow from all of its settings"


def _keys(plan: Plan) -> set[str]:
    return {stage.key for stage in plan.stages} | {cell.key for cell in plan.cells}


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "not there"


def set_aside_damaged_records(folder: RunFolder, plan: Plan) -> None:
    """Rename the files of stages and cells that are not what was written, so that what they told is done again.

    Each is told as a RuntimeWarning. It stays beside its place, as `NAME.damaged`, until the next one. So is, and
    does, the list of sessions, which no number depends on.
    """
    _set_aside(folder.path / SESSIONS, read_lines, "what its sessions ran with is not known any more")
    for stage in plan.stages:
        place = folder.stage(stage.key)
        _set_aside(place / "updates.jsonl", read_lines, f"{stage.name} is trained again")
        _set_aside(place / "stage.json", read_json, f"{stage.name} goes on")
    for cell in plan.cells:
        consequence = f"{cell.train} plays {cell.environment}:{cell.difficulty} again"
        _set_aside(folder.cell_figures(cell.key), read_json, consequence)
        _set_aside(folder.cell(cell.key), check_cell, consequence)


def _set_aside(file: Path, check: Callable[[Path], object], consequence: str) -> None:
    if not file.is_file():
        return
    try:
        check(file)
    except RunError as error:
        if isinstance(error.__cause__, OSError):
            raise  # it may be whole, and cannot be read
        aside = file.with_name(f"{file.name}.damaged")
        file.replace(aside)
        problem = str(error).partition("\nResume the run")[0]
        warnings.warn(f"{problem}; it is now {aside.name}, and {consequence}", RuntimeWarning, stacklevel=3)


def set_aside_damaged(folder: RunFolder, plan: Plan, done: Collection[str]) -> bool:
    """Rename the damaged checkpoints that a job which is not `done` would begin from; return whether there were any.

    One that a kill caught between its two renames is put back first. Each damaged one is told as a RuntimeWarning. It
    stays beside its place, as `checkpoint.damaged`, until the next one.
    """
    needed = {cell.checkpoint for cell in plan.cells if cell.key not in done}
    needed |= {stage.parent for stage in plan.stages if stage.key not in done}
    found = False
    for stage in plan.stages:
        if stage.key in done and stage.key not in needed:
            continue
        place = folder.stage(stage.key) / ("checkpoint" if stage.key in done else "resume")
        if stage.key not in done:
            updates.put_back_resume(place, place.with_name("updates.jsonl"))
        try:
            verify(place)
        except RunError as error:
            if isinstance(error.__cause__, OSError):
                raise  # it may be whole, and cannot be read
            aside = place.with_name(f"{place.name}.damaged")
            shutil.rmtree(aside, ignore_errors=True)
            place.rename(aside)
            problem = str(error).partition(". To have it made again")[0]
            warnings.warn(
                f"{problem}; it is now {aside.name}, and {stage.name} is trained again", RuntimeWarning, stacklevel=2
            )
            found = True
    return found
