"""How long a run will take by what a probe measured: the seconds of each job, and how they fit side by side.

A job's time is its episodes and updates at the probe's pace, and the time until its model is ready. The low end has
episodes as short as the expert's or the model's present ones, whichever are shorter, and learns from the share of them
that had credit in the probe; the high end the longer ones, and from all. Jobs begin as `rftcore.study` lets them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass

from rftcore.environment import Environment
from rftcore.estimate import Range, episodes, evaluated
from rftcore.plan import CellNode, Plan, StageNode
from rftcore.probe import Measured, way
from rftcore.schemas.config import Settings
from rftcore.stages import demonstrations, pools, settings_of


@dataclass(frozen=True, slots=True)
class Timed:
    """A job, as long as it takes."""

    key: str
    needs: str | None
    """The job that has to be done before."""
    seconds: Range


def forecast(
    config: Settings,
    plan: Plan,
    environments: Mapping[str, Environment],
    measured: Measured,
    done: set[str],
    slots: int,
) -> Range:
    """Return the seconds that what is left of a run takes with `slots` jobs side by side.

    The jobs are taken to be as fast side by side as the probe was alone. Waiting for an API is left out.
    """
    jobs = [_stage(config, node, environments, measured) for node in plan.stages if node.key not in done]
    jobs += [_cell(config, cell, environments, measured) for cell in plan.cells if cell.key not in done]
    low, high = (
        makespan({job.key: (job.needs, getattr(job.seconds, end)) for job in jobs}, done, slots)
        for end in ("low", "high")
    )
    return Range(low, high) + Range(measured.start_seconds, measured.start_seconds)  # workers start side by side


def makespan(jobs: Mapping[str, tuple[str | None, float]], done: set[str], slots: int) -> float:
    """Return when the last job ends, each begun as soon as what it needs is done and one of the slots is free.

    `jobs` has by its key what a job needs, which comes before it, and its seconds. Of those that are ready, the one
    with the longest row of jobs behind it begins, as in `rftcore.agenda`.
    """
    waiting, ended, now = dict(jobs), set(done), 0.0
    urgent: dict[str, float] = {}
    behind: dict[str, float] = {}
    for key, (needs, seconds) in reversed(list(jobs.items())):
        urgent[key] = seconds + behind.get(key, 0.0)
        if needs is not None:
            behind[needs] = max(behind.get(needs, 0.0), urgent[key])
    running: list[tuple[float, str]] = []
    while waiting or running:
        ready = [key for key, (needs, _) in waiting.items() if needs is None or needs in ended]
        ready.sort(key=urgent.__getitem__, reverse=True)
        for key in ready[: slots - len(running)]:
            heapq.heappush(running, (now + waiting.pop(key)[1], key))
        now, key = heapq.heappop(running)
        ended.add(key)
    return now


def _stage(config: Settings, node: StageNode, environments: Mapping[str, Environment], measured: Measured) -> Timed:
    own = settings_of(config, node.stage)
    played, tokens = Range(0, 0), Range(0, 0)
    shown = demonstrations(own.algorithm) is not None
    drawn = [pool.split(":") for pool in pools(node.stage, environments)]
    for environment, difficulty in drawn:
        place = measured.place(environment, difficulty, own.training.groups * own.training.samples)
        count = episodes(config, node) / len(drawn)
        length = Range(*place.tokens)
        one = Range(place.policy_seconds, place.policy_seconds) if shown else length * place.token_seconds
        played += one * count
        tokens += length * count
        if (validation := own.training.validation) is not None:
            held = validation.tasks * validation.samples
            pace = measured.place(environment, difficulty, held).token_seconds
            played += length * (pace * (1 + math.ceil(node.updates / validation.every)) * held)
    learned = next(found for found in measured.learning if found.key == way(own))
    learning = tokens * learned.token_seconds
    load = Range(measured.load_seconds, measured.load_seconds)
    return Timed(node.key, node.parent, load + played + Range(learning.low * learned.share, learning.high))


def _cell(config: Settings, cell: CellNode, environments: Mapping[str, Environment], measured: Measured) -> Timed:
    count = evaluated(config, environments[cell.environment], cell.difficulty) * config.evaluation.samples
    place = measured.place(cell.environment, cell.difficulty, count)
    if cell.policy:
        return Timed(cell.key, None, Range(1, 1) * (place.policy_seconds * count))
    load = Range(measured.load_seconds, measured.load_seconds)
    return Timed(cell.key, cell.checkpoint, load + Range(*place.tokens) * (place.token_seconds * count))
