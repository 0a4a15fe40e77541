"""How fast one of our environments is, and how much memory each further episode takes.

The environment's own random policy plays train tasks of all difficulties in turn. A step is the drawing of an action
and the answer to it; starting an episode is timed apart. The first pass over the episodes is not timed: it builds what
a process builds once. Memory is Python's own, as tracemalloc counts it.
"""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import chain, islice
from statistics import median
from typing import Any

from rftcore.environment import Environment, Episode
from rftcore.schemas.task import Task

REPEATS = 5
SECONDS = 1.0
"""How long the first pass plays; the timed ones play the same episodes."""
EPISODES = 400
"""Most episodes of a pass."""
LIVE = 50
"""Episodes that are held at once while memory is counted."""
PLAYED = 5
"""Turns that each of them has played."""


def measure(environment: Environment) -> dict[str, Any]:
    """Return speed, time to start and memory of `environment`, in the keys of the report."""
    clock = _clock(environment)
    tasks = _within(environment, SECONDS)
    passes = [_pass(environment, tasks, clock) for _ in range(REPEATS)]
    steps = passes[0][0]
    speeds = [steps / played for _, played, _ in passes]
    return {
        "steps_per_second": round(median(speeds)),
        "slowest": round(min(speeds)),
        "fastest": round(max(speeds)),
        "reset_ms": round(median(1000 * begun / len(tasks) for _, _, begun in passes), 3),
        "bytes_per_episode": _bytes_per_episode(environment),
        "episodes": len(tasks),
        "steps": steps,
        "repeats": REPEATS,
    }


def search_p50_ms(environment: Environment) -> float:
    """Return the median time of a search for a whole question, each asked once in an episode of its own."""
    seconds = []
    for task in train_tasks(environment):
        episode = environment.start(task)
        query = f"<search>{episode.observation.splitlines()[-1]}</search>"
        begin = time.perf_counter()
        episode.step(query)
        seconds.append(time.perf_counter() - begin)
    return round(1000 * median(seconds), 3)


def train_tasks(environment: Environment) -> list[Task]:
    """Return up to `EPISODES` train tasks, the difficulties taking turns."""
    lists = [environment.tasks("train", difficulty) for difficulty in environment.difficulties]
    return list(islice(chain.from_iterable(zip(*lists, strict=False)), EPISODES))


def _clock(environment: Environment) -> Callable[[], float]:
    """Return CPU time, which other programs disturb less; but wall time where another process does the work."""
    return time.perf_counter if environment.facts().get("needs_process") else time.process_time


def _within(environment: Environment, seconds: float) -> list[Task]:
    """Return the train tasks whose episodes can be played in `seconds` of wall time, at least one a difficulty."""
    tasks = train_tasks(environment)
    least = len(environment.difficulties)
    for task in tasks[:least]:
        _play(environment, task, time.perf_counter)
    end = time.perf_counter() + seconds
    for number, task in enumerate(tasks, start=1):
        _play(environment, task, time.perf_counter)
        if time.perf_counter() > end and number >= least:
            return tasks[:number]
    return tasks


def _pass(environment: Environment, tasks: Sequence[Task], clock: Callable[[], float]) -> tuple[int, float, float]:
    """Play every task once; return steps, seconds of play, and seconds of starting."""
    counted = [_play(environment, task, clock) for task in tasks]
    steps, played, begun = zip(*counted, strict=True)
    return sum(steps), sum(played), sum(begun)


def _play(environment: Environment, task: Task, clock: Callable[[], float]) -> tuple[int, float, float]:
    rng = random.Random(task.seed)
    begin = clock()
    episode = environment.start(task)
    started = clock()
    steps = _turns(episode, rng, environment.max_turns)
    ended = clock()
    episode.close()
    return steps, ended - started, started - begin


def _turns(episode: Episode, rng: random.Random, most: int) -> int:
    for turn in range(most):
        step = episode.step(episode.random_action(rng))
        if step.terminated or step.truncated:
            return turn + 1
    return most


def _bytes_per_episode(environment: Environment) -> int | None:
    """Return what each of `LIVE` episodes takes beyond the shared world; None where another process holds them."""
    if environment.facts().get("needs_process"):
        return None
    tasks = train_tasks(environment)[:LIVE]
    _held(environment, tasks)  # What the shared world remembers of these episodes is not theirs.
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    episodes = _held(environment, tasks)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    for episode in episodes:
        episode.close()
    return round((after - before) / len(episodes))


def _held(environment: Environment, tasks: Sequence[Task]) -> list[Episode]:
    episodes = []
    for task in tasks:
        episode = environment.start(task)
        _turns(episode, random.Random(task.seed), PLAYED)
        episodes.append(episode)
    return episodes
