"""One line of training and its evaluation, read from top to bottom.

    curriculum.next -> tasks -> rollout.collect -> groups -> algorithm.credit -> credits -> engine.update -> new weights

`train_stage` is that loop for one stage; `evaluate_cell` plays the fixed test tasks with one checkpoint. Both are jobs:
they find everything in the run folder, leave whole files there, and pick up where a killed predecessor stopped. All
randomness follows from the seed, the stage and the update, so a resumed run gives the numbers of one never killed.

Of several processes (`rftcore.launch`) each does every job at the same time: it plays a share of the tasks, gets all
groups, and learns from a share of the rows. The first one decides which job is next, and alone writes.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rftcore import eventloop, launch, records, registry, updates
from rftcore.algorithm import Algorithm, TokenFloats
from rftcore.blueprint import load_record, make_environment
from rftcore.checkpoint import AHEAD
from rftcore.curriculum import Curriculum
from rftcore.deadline import timed
from rftcore.drawing import Draw, Drawing, check_planned, seed_of, stage_tasks
from rftcore.environment import Environment
from rftcore.errors import RunError
from rftcore.executors.target import Report
from rftcore.faults import Breaker
from rftcore.lookahead import Lookahead
from rftcore.manifests import check_start
from rftcore.overlap import Foreground, InProcess, InThread
from rftcore.plan import Plan, StageNode
from rftcore.players import players, policy_actor
from rftcore.policy import Spending, added
from rftcore.recording import Recording
from rftcore.records import RunFolder
from rftcore.rollout import Actor, collect
from rftcore.schemas.config import PolicyComponent, Settings
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Credit, Group, Trajectory
from rftcore.scoring import interval, measure
from rftcore.stages import recorded, settings_of
from rftcore.stopwatch import Stopwatch
from rftcore.telling import Telling
from rftcore.validation import best, due, exhausted, score

if TYPE_CHECKING:
    from rftcore.train.engine import Engine
    from rftcore.train.peers import Peers

JobFunction = Callable[[dict[str, Any], Report], dict[str, Any]]
Runs = Callable[[Coroutine[Any, Any, list[Group]]], list[Group]]
"""Runs a rollout to its end."""

_open = ExitStack()
"""Closes who plays in the present job when it ends, however it ends: a sampler may hold a server."""


def _with_peers(job: JobFunction) -> JobFunction:
    """Let the first process tell the others of a launch to do the job too; close who played in it."""

    @wraps(job)
    def together(payload: dict[str, Any], report: Report) -> dict[str, Any]:
        if launch.count() > 1 and not launch.rank():
            _peers().hear((job.__name__, payload))
        with _open:
            return job(payload, report)

    return together


def follow() -> None:
    """Do the jobs that the first process of the launch does, until it dismisses the others."""
    while (told := _peers().hear()) is not None:
        name, payload = told
        {"train_stage": train_stage, "evaluate_cell": evaluate_cell}[name](payload, lambda *progress: None)


def dismiss() -> None:
    """Let the other processes of a launch end: there are no more jobs."""
    if launch.count() > 1:
        _peers().hear()


@_with_peers
def train_stage(payload: dict[str, Any], report: Report) -> dict[str, Any]:
    """Job: train the stage `payload["key"]` of the run in `payload["run"]`; returns what `stage.json` holds."""
    folder = RunFolder(Path(payload["run"]))
    config, plan = load_record(folder)
    node = next(node for node in plan.stages if node.key == payload["key"])
    config = settings_of(config, node.stage)
    leads = not launch.rank()
    place, clock, validation = folder.stage(node.key), Stopwatch(), config.training.validation
    resume, kept, log = place / "resume", place / "best", place / "updates.jsonl"
    told = updates.taken_up(resume, log)
    first = len(told)
    keeps_best = validation is not None and validation.checkpoint == "best"
    tells = Telling.of_stage(report, config, node.updates, first)
    tells.begins()
    parent: Path | str = folder.stage(node.parent) / "checkpoint" if node.parent else config.model
    stage = _stage(config, plan, node, resume if first else parent, tells.rolled_out)
    algorithm, engine = stage.algorithm, stage.engine
    _open.callback(engine.actor.stop)
    overlap = _overlap(stage, folder)
    _open.callback(overlap.close)
    drawing = stage.drawing
    ahead = Lookahead(drawing.staleness, node.updates, lambda update: overlap.begin(drawing.draw(told, update)))
    if first:
        algorithm.restore(engine.restore(resume).get("algorithm", {}))
        ahead.restore(first, resume / AHEAD)
        if keeps_best and best(told) == first:  # it may have died between the two checkpoints
            engine.save(kept, {"update": first, "name": node.name}, resumable=False)
    if leads:
        records.write_text(log, "".join(records.sealed_line(value) for value in told))
    tells.works()
    while len(told) < node.updates and not exhausted(told, validation):
        update = len(told)
        before = {} if update else _validated(stage, overlap, "start_validation")
        began = time.monotonic()
        groups, credits, values = _rollouts(stage, ahead, overlap, told)
        figures = engine.update(groups, credits, values, update=update) | algorithm.state()
        if leads and config.training.record:
            records.write_groups(folder.trajectories(node.key, update), groups)
        value = updates.line(update, groups, figures, time.monotonic() - began) | before
        if due(update, node.updates, validation):
            value |= _validated(stage, overlap, "validation")
        if leads:
            records.append_line(log, value)
        told.append(value)
        better = keeps_best and best(told) == update + 1
        if better or ((update + 1) % config.training.checkpoint_every == 0 and update + 1 < node.updates):
            state = {"update": update + 1, "algorithm": algorithm.state()}
            engine.save(resume, state, resumable=True, ahead=ahead.stored())
        if better:  # after the other, which a killed stage goes on from: what is best is never ahead of it
            engine.save(kept, {"update": update + 1, "name": node.name}, resumable=False)
        tells.updated(value, groups)
    if not keeps_best:
        engine.save(place / "checkpoint", {"update": len(told), "name": node.name}, resumable=False)
    took = {"stage_seconds": clock.seconds, "cpu_seconds": clock.cpu_seconds}
    done = {"name": node.name, "updates": len(told), **took}
    if leads:
        _conclude(place, done)
    return done


def _conclude(place: Path, done: Mapping[str, Any]) -> None:
    """Make the best checkpoint, if it was kept, the stage's, and say that the stage is done."""
    kept = place / "best"
    if kept.exists():  # it is not when it was moved before the stage was killed
        shutil.rmtree(place / "checkpoint", ignore_errors=True)
        kept.rename(place / "checkpoint")
    records.write_record(place / "stage.json", done)
    shutil.rmtree(place / "resume", ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Stage:
    """What one stage is trained with."""

    drawing: Drawing
    environments: Mapping[str, Environment]
    held: Sequence[Task]
    """The tasks that it is validated on."""
    algorithm: Algorithm
    engine: Engine
    breaker: Breaker
    on_episode: Callable[[Trajectory], None]

    def play(self, actor: Actor, draw: Draw, run: Runs = eventloop.run) -> list[Group]:
        """Return what `actor` plays, as `_play` does."""
        return _play(self.environments, actor, draw, breaker=self.breaker, run=run, on_episode=self.on_episode)


def _stage(
    config: Settings, plan: Plan, node: StageNode, start: Path | str, on_episode: Callable[[Trajectory], None]
) -> _Stage:
    """Make what a stage is trained with; its model is the one at `start`."""
    environments = make_environments(config, [source.environment for source in node.stage.sources])
    tasks, held = stage_tasks(plan, node, environments, config.training.validation)
    algorithm: Algorithm = registry.create("algorithm", config.algorithm.name, config.algorithm.options, "algorithm")
    shown = recorded(config.algorithm)
    recording = None if shown is None else Recording(shown)
    if recording is not None:
        tasks = recording.pools(tasks)
    curriculum: Curriculum = registry.create("curriculum", node.curriculum.name, node.curriculum.options, "train")
    # Demonstrations are made by no weights, which could be stale.
    staleness = config.training.max_staleness if algorithm.demonstrations() is None else 0
    drawing = Drawing(config, node, curriculum, tasks, recording, staleness)
    engine = make_engine(config, start, algorithm, node.updates)
    return _Stage(drawing, environments, held, algorithm, engine, Breaker(config.faults), on_episode)


def _overlap(stage: _Stage, folder: RunFolder) -> Foreground:
    """Return where the rollouts of a stage are played: here, or beside the learner."""
    drawing, environments, engine = stage.drawing, stage.environments, stage.engine

    def play(draw: Draw) -> list[Group]:
        """Who plays is the model, or whoever the algorithm learns from."""
        return stage.play(engine.teacher(drawing.recording), draw)

    if not drawing.staleness:
        return Foreground(play)
    if engine.actor.sampler.apart:
        return InThread(lambda draw: _collect(environments, engine.actor, draw, stage.breaker))
    return InProcess(
        f"{__name__}:{play_draw.__name__}",
        {"run": str(folder.path.resolve()), "stage": drawing.node.key},
        play=play,
        version=lambda: engine.version,
        save=lambda place: engine.save(place, {}, resumable=False),
        place=folder.stage(drawing.node.key) / "ahead",
    )


_beside: dict[tuple[str, str], tuple[Mapping[str, Environment], Engine, Breaker]] = {}
"""In a process beside a learning one: what `play_draw` plays with, by run and stage."""


def play_draw(payload: dict[str, Any], report: Report) -> list[Any]:
    """Job of a process beside a learning one: play a draw with the checkpoint `payload["weights"]`.

    Returns the groups as JSON, those that `_play` in the learning process would return for these weights.
    """
    weights, stage = Path(payload["weights"]), (payload["run"], payload["stage"])
    if stage not in _beside:
        config, plan = load_record(RunFolder(Path(payload["run"])))
        node = next(node for node in plan.stages if node.key == payload["stage"])
        config = settings_of(config, node.stage)
        names = [source.environment for source in node.stage.sources]
        _beside[stage] = make_environments(config, names), make_engine(config, weights), Breaker(config.faults)
    environments, engine, breaker = _beside[stage]
    engine.follow(weights)
    groups = eventloop.run(_collect(environments, engine.actor, Draw.of(payload), breaker))
    return [group.model_dump(mode="json") for group in groups]


def _validated(stage: _Stage, overlap: Foreground, name: str) -> dict[str, float]:
    """Return under `name` what the model scores on a stage's validation tasks, and nothing if there are none.

    A stage draws the same random streams each time.
    """
    drawing, held, validation = stage.drawing, stage.held, stage.drawing.config.training.validation
    if validation is None:
        return {}
    seed = seed_of(drawing.config.seed, drawing.node.key, "validation")
    draw = Draw(tuple(held), (validation.samples,) * len(held), seed)
    groups = stage.play(stage.engine.actor, draw, overlap.run)
    return {name: score(groups), f"{name}_episodes": len(held) * validation.samples}


def _rollouts(
    stage: _Stage, ahead: Lookahead, overlap: Foreground, told: Sequence[Mapping[str, Any]]
) -> tuple[list[Group], list[list[Credit | None]], TokenFloats | None]:
    """Return the groups of the next update with their credits, and with what a critic expected, if there is one.

    Rounds of refills replace groups without credit; they are played when the update is due. Of a recording, a task has
    what there is of it.
    """
    drawing, engine, update = stage.drawing, stage.engine, len(told)
    groups: list[Group] = []
    credits: list[list[Credit | None]] = []
    values: list[list[list[list[float]]]] = []
    for round_ in range(1 + drawing.config.training.refills):
        if round_:
            teacher, draw = engine.teacher(drawing.recording), drawing.draw(told, update, round_)
            more = stage.play(teacher, draw, overlap.run)
        else:
            more = ahead.take(update)
        groups += more
        expected = engine.values(more)
        values += expected or []
        credits += stage.algorithm.credit(more, values=expected, reference=engine.reference(more))
        if sum(any(credit is not None for credit in earned) for earned in credits) >= drawing.config.training.groups:
            break
    return groups, credits, values or None


@_with_peers
def evaluate_cell(payload: dict[str, Any], report: Report) -> dict[str, Any]:
    """Job: play the fixed test tasks of the cell `payload["key"]`; returns what the cell's `.json` holds."""
    folder = RunFolder(Path(payload["run"]))
    config, plan = load_record(folder)
    node = next(node for node in plan.cells if node.key == payload["key"])
    clock = Stopwatch()
    environments = make_environments(config, [node.environment])
    listed = environments[node.environment].tasks("test", node.difficulty)
    check_planned(plan, f"{node.environment}/{node.difficulty}/test", listed)
    tasks = listed[: config.evaluation.tasks]
    check_start(environments[tasks[0].environment], tasks[0])
    total = len(launch.share(tasks)) * config.evaluation.samples
    tells = Telling(report, total, longest=config.sampling.max_new_tokens, apart=launch.count() > 1)
    tells.begins()
    start = folder.stage(node.checkpoint) / "checkpoint" if node.checkpoint else config.model
    policy = next(policy for policy in players(config) if policy.title == node.train) if node.policy else None
    actor = player(config, policy, start, folder.policy(node.train))
    _open.callback(actor.stop)
    tells.works()
    seed = seed_of(config.seed, "test")
    draw = Draw(tuple(tasks), (config.evaluation.samples,) * len(tasks), seed)
    groups = _play(
        environments,
        actor,
        draw,
        breaker=Breaker(config.faults),
        on_episode=lambda trajectory: tells.played(trajectory, actor.spending),
    )
    spending = _spending(actor)
    done = {
        "train": node.train,
        "environment": node.environment,
        "difficulty": node.difficulty,
        "scores": measure(config, groups),
        "trajectories": sum(len(group.trajectories) for group in groups),
        "cell_seconds": clock.seconds,
        "cpu_seconds": clock.cpu_seconds,
        **({} if spending is None else {"spending": asdict(spending)}),
        **({"stopped": True} if any(t.status == "budget" for group in groups for t in group.trajectories) else {}),
    }
    if not launch.rank():
        records.write_groups(folder.cell(node.key), groups)
        records.write_record(folder.cell_figures(node.key), done)
        tells.measured(groups, interval(config, node, groups), spending)
    return done


def _play(
    environments: Mapping[str, Environment],
    actor: Actor,
    draw: Draw,
    *,
    breaker: Breaker,
    run: Runs = eventloop.run,
    on_episode: Callable[[Trajectory], None] = lambda trajectory: None,
) -> list[Group]:
    """Return a group for each task, in order, as `collect` does; every process of a launch plays its share of them."""
    own = Draw(tuple(launch.share(draw.tasks)), tuple(launch.share(draw.samples)), draw.seed, draw.turn_limit)
    played = run(_collect(environments, actor, own, breaker, on_episode))
    return played if launch.count() == 1 else [group for part in _peers().gather(played) for group in part]


def _collect(
    environments: Mapping[str, Environment],
    actor: Actor,
    draw: Draw,
    breaker: Breaker,
    on_episode: Callable[[Trajectory], None] = lambda trajectory: None,
) -> Coroutine[Any, Any, list[Group]]:
    return collect(
        environments,
        actor,
        draw.tasks,
        draw.samples,
        seed=draw.seed,
        turn_limit=draw.turn_limit,
        on_episode=on_episode,
        breaker=breaker,
    )


def _spending(actor: Actor) -> Spending | None:
    """Return what the answers of all processes cost, where they cost anything."""
    own = actor.spending
    return own if own is None or launch.count() == 1 else added(part[0] for part in _peers().gather([own]))


def player(config: Settings, policy: PolicyComponent | None, start: Path | str, place: Path = Path()) -> Actor:
    """Return the policy as it plays, or without one the model at `start`. A policy may keep files in `place`."""
    return make_engine(config, start).actor if policy is None else policy_actor(config, policy, place)


def make_engine(config: Settings, start: Path | str, algorithm: Any = None, updates: int = 1) -> Engine:
    """Return the model at `start` as it plays, and with an `algorithm` learns.

    Torch is imported here, and in `_peers`, and nowhere else in core's own flow.
    """
    try:
        from rftcore.train.engine import Engine
    except FileNotFoundError as error:  # torch looks for a temporary directory when it is imported
        raise RunError(f"torch cannot be imported: {error}. Make room there, then resume the run") from error

    return Engine(config, start, algorithm, updates=updates)


def _peers() -> Peers:
    """Import torch too, only where there are several processes."""
    from rftcore.train.peers import Peers

    return Peers()


def make_environments(config: Settings, names: Sequence[str]) -> dict[str, Environment]:
    """Return the environments of these names, within the run's deadlines."""
    longest = config.faults.longest_step
    return {name: timed(make_environment(config, name), longest) for name in dict.fromkeys(names)}
