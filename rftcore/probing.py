"""The process of a probe: plays in every place, and makes one update, or two, by each way of learning.

Weights change in this process only, and nothing is saved. An update learns from what was played, with the credit that
the algorithm gives; where it gives none, as to groups without variance, as much is learned with a credit made up.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rftcore import eventloop, registry
from rftcore.algorithm import Algorithm
from rftcore.blueprint import KINDS
from rftcore.environment import Environment
from rftcore.errors import ConfigError, RunError
from rftcore.estimate import evaluated
from rftcore.experiment import make_engine, make_environments
from rftcore.options import validate
from rftcore.plan import Plan, StageNode
from rftcore.probe import LearningMeasured, Measured, PlaceMeasured, way
from rftcore.rollout import Actor, collect
from rftcore.sampler import Completion, Request, Sampler
from rftcore.schemas.config import Settings
from rftcore.schemas.trajectory import Credit, Group, Trajectory
from rftcore.stages import pools, settings_of

if TYPE_CHECKING:
    from rftcore.train.engine import Engine

PLAYING = 0.6
"""Share of the seconds for playing; the rest is for learning."""

EXPERTS = 3
"""Episodes of the expert in each place."""


@dataclass(frozen=True, slots=True)
class Play:
    """Episodes that a run plays side by side."""

    environment: str
    difficulty: str
    tasks: int
    samples: int

    def at_once(self, lanes: int) -> int:
        """Return how many of them are live where `lanes` may be."""
        return min(lanes, self.tasks * self.samples)


class Meter(Sampler):
    """Counts the tokens that go through a sampler."""

    name = "meter"

    def __init__(self, sampler: Sampler) -> None:
        super().__init__()
        self._sampler = sampler
        self.max_context, self.lanes = sampler.max_context, sampler.lanes
        self.answers = self.tokens = 0

    async def sample(self, request: Request) -> Completion:
        answer = await self._sampler.sample(request)
        self.answers += 1
        self.tokens += len(request.ids) + len(answer.token_ids)
        return answer

    def release(self, conversation: int) -> None:
        self._sampler.release(conversation)

    def sync(self, source: Path | Any, version: int) -> None:
        self._sampler.sync(source, version)

    async def close(self) -> None:
        await self._sampler.close()


def measure(payload: dict[str, Any], report: Callable[[float, float, str], None]) -> dict[str, Any]:
    """Job: what `rftcore.probe.probe` asks for; returns a `Measured` as JSON."""
    began = time.monotonic()
    from rftcore.train.peaks import peaks  # with torch: what each worker pays once, apart from what each job pays

    import_module("rftcore.train.engine")
    imported = time.monotonic() - began
    config, plan = validate(KINDS[payload["kind"]], payload["config"]), validate(Plan, payload["plan"])
    seconds: float = payload["seconds"]
    names = [source.environment for node in plan.stages for source in node.stage.sources]
    environments = make_environments(config, [*names, *(cell.environment for cell in plan.cells if not cell.policy)])
    ways = {way(own): (own, node) for node in plan.stages for own in [settings_of(config, node.stage)]}
    held, first, loaded = _loaded_twice(lambda: _engine(config, next(iter(ways.values()), None)))
    lanes = held[0].actor.lanes
    learning: list[LearningMeasured] = []
    try:
        plays = _plays(config, plan, environments, lanes)
        share = seconds * PLAYING / len(plays)
        played = {play: _play(held[0], environments, play, config, share, seconds) for play in plays}
        for number, (key, (own, node)) in enumerate(ways.items()):
            if number:
                _let_go(held)
                held.append(_engine(config, (own, node)))
            groups = _groups(held[0], environments, own, node, played)
            learning.append(_learn(held[0], own, key, groups, seconds * (1 - PLAYING) / len(ways)))
    finally:
        _let_go(held)
    peak, gpu_peak, device = peaks()
    found = Measured(
        places=tuple(found for found, _ in played.values()),
        lanes=lanes,
        learning=tuple(learning),
        start_seconds=imported + max(0.0, first - loaded),
        load_seconds=loaded,
        peak=peak,
        gpu_peak=gpu_peak,
        device=device,
    )
    return found.model_dump(mode="json")


def _plays(config: Settings, plan: Plan, environments: Mapping[str, Environment], lanes: int) -> list[Play]:
    """Return what a model plays, of training first; of those with as many episodes at once in a place, one."""
    found = []
    for node in plan.stages:
        training = settings_of(config, node.stage).training
        for pool in pools(node.stage, environments):
            environment, _, difficulty = pool.partition(":")
            found.append(Play(environment, difficulty, training.groups, training.samples))
    for cell in plan.cells:
        if not cell.policy:
            tasks = evaluated(config, environments[cell.environment], cell.difficulty)
            found.append(Play(cell.environment, cell.difficulty, tasks, config.evaluation.samples))
    alike: dict[tuple[str, str, int], Play] = {}
    for play in found:
        alike.setdefault((play.environment, play.difficulty, play.at_once(lanes)), play)
    return list(alike.values())


def _loaded_twice(load: Callable[[], Engine]) -> tuple[list[Engine], float, float]:
    """Return what `load` loads, and the seconds of the first time, which also imports, and of the second.

    The list has the one engine; whoever keeps no other name of it can let it go before the next is loaded.
    """
    held: list[Engine] = []
    seconds = []
    for _ in range(2):
        _let_go(held)
        began = time.monotonic()
        held.append(load())
        seconds.append(time.monotonic() - began)
    return held, seconds[0], seconds[1]


def _let_go(held: list[Engine]) -> None:
    """Stop the engine, if there is one, and free its memory: two at once would count twice in the peak."""
    while held:
        held.pop().actor.stop()
    gc.collect()


def _engine(config: Settings, learns: tuple[Settings, StageNode] | None) -> Engine:
    """Return the model as it plays and, for a way of learning, learns."""
    if learns is None:
        return make_engine(config, config.model)
    own, node = learns
    algorithm = registry.create("algorithm", own.algorithm.name, own.algorithm.options, "algorithm")
    return make_engine(own, config.model, algorithm, node.updates)


def _play(
    engine: Engine,
    environments: Mapping[str, Environment],
    play: Play,
    config: Settings,
    seconds: float,
    patience: float,
) -> tuple[PlaceMeasured, list[Trajectory]]:
    """Play for `seconds`; return what was found and played.

    When there is no answer in that time, one episode is played for `patience` seconds. Raises RunError when there is
    none then.
    """
    environment = environments[play.environment]
    tasks = environment.tasks("train", play.difficulty)
    shown: list[Trajectory] = []
    told = 0.0
    with suppress(ConfigError):  # the expert says more than the model may: no reason not to train without it
        _timed(environments, engine.expert(), tasks[:1], 1, patience)  # what is built once is not an episode's
        shown, told = _timed(environments, engine.expert(), tasks[:EXPERTS], 1, patience)
    meter = engine.actor.sampler = Meter(_plain(engine.actor.sampler))
    done, spent = _timed(environments, engine.actor, tasks[: play.tasks], play.samples, seconds)
    asked = len(tasks[: play.tasks]) * play.samples
    if not meter.answers:
        done, spent = _timed(environments, engine.actor, tasks[:1], 1, patience)
    if not meter.answers:
        raise RunError(
            f"--probe: found no answer of the model in {patience:g} s in {play.environment}:{play.difficulty}, "
            "expected one at least; it is too slow here to be measured. Take a faster device, or a smaller "
            "sampling.max_new_tokens"
        )
    whole = [trajectory for trajectory in done if not trajectory.masked]
    ends = [_means(part) for part in (whole, shown) if part]
    if len(done) < min(asked, engine.actor.lanes) or not ends:  # the short ones end first: the others may go on
        answer = meter.tokens / meter.answers
        limit = environment.max_turns
        ends.append((answer * limit, min(answer, config.sampling.max_new_tokens) * limit, 30 * answer * limit))
    tokens, sampled, stored = ((min(each), max(each)) for each in zip(*ends, strict=True))
    found = PlaceMeasured(
        environment=play.environment,
        difficulty=play.difficulty,
        at_once=min(asked, engine.actor.lanes),
        episodes=len(done),
        token_seconds=spent / meter.tokens,
        tokens=tokens,
        sampled=sampled,
        stored=stored,
        policy_seconds=told / max(1, len(shown)),
    )
    return found, whole


def _plain(sampler: Sampler) -> Sampler:
    return sampler._sampler if isinstance(sampler, Meter) else sampler


def _timed(
    environments: Mapping[str, Environment], actor: Actor, tasks: Sequence[Any], samples: int, seconds: float
) -> tuple[list[Trajectory], float]:
    """Play until all episodes have ended or the time is over; return those that ended, and the seconds."""
    ended: list[Trajectory] = []

    async def play() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await collect(environments, actor, tasks, samples, seed=0, on_episode=ended.append)

    began = time.monotonic()
    eventloop.run(play())
    return ended, time.monotonic() - began


def _means(trajectories: Sequence[Trajectory]) -> tuple[float, float, float]:
    """Return tokens, sampled tokens and stored bytes of an episode."""
    sampled = [sum(len(turn.token_ids) for turn in each.turns) for each in trajectories]
    read = [sum(len(turn.prompt_ids) for turn in each.turns) for each in trajectories]
    stored = [len(each.model_dump_json()) for each in trajectories]
    return fmean(map(sum, zip(read, sampled, strict=True))), fmean(sampled), fmean(stored)


def _groups(
    engine: Engine,
    environments: Mapping[str, Environment],
    config: Settings,
    node: StageNode,
    played: Mapping[Play, tuple[PlaceMeasured, list[Trajectory]]],
) -> list[Group]:
    """Return groups that a stage could learn from: demonstrations where it learns from those, else what was played."""
    places = [pool.split(":") for pool in pools(node.stage, environments)]
    teacher = engine.teacher(None)
    if teacher is not engine.actor:
        tasks = [task for name, difficulty in places for task in environments[name].tasks("train", difficulty)]
        count = config.training.groups
        return eventloop.run(collect(environments, teacher, tasks[:count], 1, seed=0))
    by_task: dict[str, list[Trajectory]] = {}
    whole = config.training.groups * config.training.samples
    for environment, difficulty in places:
        there = [play for play in played if (play.environment, play.difficulty) == (environment, difficulty)]
        nearest = min(there, key=lambda play: abs(play.tasks * play.samples - whole))
        for trajectory in played[nearest][1]:
            by_task.setdefault(trajectory.task.id, []).append(trajectory)
    largest = sorted(by_task.values(), key=len, reverse=True)[: config.training.groups]
    return [Group.model_construct(task=group[0].task, trajectories=tuple(group)) for group in largest]


def _learn(engine: Engine, config: Settings, key: str, groups: Sequence[Group], seconds: float) -> LearningMeasured:
    """Make an update of one group, which also makes what is made once, and one of as many as there is time for."""
    algorithm: Algorithm = registry.create("algorithm", config.algorithm.name, config.algorithm.options, "algorithm")
    if not groups:
        raise RunError(
            "--probe: no episode of the model ended in time, so no update could be measured. Take a faster device, or "
            "fewer turns"
        )
    first = _update(engine, algorithm, groups[:1], 0)
    count = max(1, min(len(groups), int(seconds / max(first[0], 1e-6)) - 1))
    spent, tokens, share = _update(engine, algorithm, groups[:count], 1)
    return LearningMeasured(key=key, token_seconds=spent / tokens, tokens=tokens, share=share)


def _update(engine: Engine, algorithm: Algorithm, groups: Sequence[Group], number: int) -> tuple[float, int, float]:
    """Return the seconds of an update, the tokens that it learned from, and the share of trajectories with credit."""
    began = time.monotonic()
    values = engine.values(groups)
    credits = algorithm.credit(groups, values=values, reference=engine.reference(groups))
    credited = [credit is not None for earned in credits for credit in earned]
    if not any(credited):
        credits = [
            [Credit(turns=((-1.0) ** index,) * len(each.turns)) for index, each in enumerate(group.usable)]
            for group in groups
        ]
    engine.update(groups, credits, values, update=number)
    spent = time.monotonic() - began
    learned = [
        sum(len(turn.prompt_ids) + len(turn.token_ids) for turn in trajectory.turns)
        for group, earned in zip(groups, credits, strict=True)
        for trajectory, credit in zip(group.usable, earned, strict=True)
        if credit is not None
    ]
    return spent, max(1, sum(learned)), sum(credited) / max(1, len(credited))
