"""Many episodes at once over a server, again and again: no turn lost or taken twice, and memory that stays flat.

    sh scripts/vllm.sh plugins/rftcore-vllm/tests/soak.py --minutes 20

plays on a `vllm serve` that it starts, with new weights before every round as in training. It prints a line a round,
and one JSON object at the end; it fails when a turn is not where it should be, or when memory grew.
`test_vllm_soak.py` plays a round against the contract server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import psutil

from rftcore.environment import Environment, Episode, Step
from rftcore.formats import prompt_format
from rftcore.rollout import ModelActor, collect
from rftcore.schemas.task import Split, Task
from rftcore.schemas.trajectory import Group, Trajectory
from rftcore.train.sampler import checksum
from rftcore.train.tiny import TinyConfig, build_model
from rftcore_vllm.sampler import VllmServerSampler

TURNS, VOCABULARY = 8, 64

GROWTH = 0.03
"""Of its memory that a process may have more at the end than in the middle; more is a leak."""

SHORTEST = 8
"""Rounds below which nothing is said about memory."""


class Digits:
    """An encoder whose tokens are numbers; none of them ends an answer."""

    stop_ids = frozenset[int]()

    def first(self, system: str, observation: str) -> list[int]:
        return [1, *map(int, observation.split())]

    def next(self, observation: str, closed: bool) -> list[int]:
        return [*map(int, observation.split()), 2]

    def encode_answer(self, text: str) -> list[int]:
        return [int(part) for part in text.split()]

    def decode(self, token_ids: list[int]) -> str:
        return " ".join(map(str, token_ids))


class Counting(Environment):
    """Eight turns of two numbers each; what is done in it is written down, episode by episode."""

    name = "counting"
    max_turns = TURNS
    instructions = ""

    def __init__(self, size: int = 64) -> None:
        super().__init__()
        self.done: dict[str, list[list[str]]] = defaultdict(list)
        """By task, the actions of each of its episodes."""
        self._size = size

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [
            Task(environment="counting", id=f"counting/{number}", split=split, difficulty=difficulty, seed=number)
            for number in range(self._size)
        ]

    def start(self, task: Task) -> Episode:
        self.done[task.id].append([])
        return _Counting(task.seed, self.done[task.id][-1])


class _Counting(Episode):
    def __init__(self, seed: int, done: list[str]) -> None:
        self.observation, self._done = opening(seed), done

    def step(self, action: str) -> Step:
        self._done.append(action)
        self.observation, ended = f"5 {len(self._done)}", len(self._done) == TURNS
        return Step(self.observation, 1.0, terminated=ended, success=ended)


def opening(seed: int) -> str:
    """Return the first observation of a task, which no other one below 3600 has."""
    return f"{seed % 60 + 3} {seed // 60 + 3}"


def play(sampler: Any, world: Counting, *, lanes: int, tokens: int, seed: int = 0) -> list[Group]:
    """Play an episode of every task, `lanes` at once."""
    actor = ModelActor(sampler, Digits(), prompt_format("plain"), lanes=lanes, max_new_tokens=tokens)
    return asyncio.run(collect({"counting": world}, actor, world.tasks("train", "easy"), 1, seed=seed))


def faults(groups: Sequence[Group], world: Counting, tokens: int) -> list[str]:
    """Return what is wrong with a round: every turn has to be there once, in order, on all sides alike."""
    return [
        f"{trajectory.task.id}: {fault}"
        for group in groups
        for trajectory in group.trajectories
        for fault in _faults(trajectory, world.done[trajectory.task.id], tokens)
    ]


def _faults(trajectory: Trajectory, done: list[list[str]], tokens: int) -> Iterator[str]:
    if (trajectory.status, trajectory.attempts) != ("completed", 1):
        yield f"{trajectory.status} at attempt {trajectory.attempts}: {trajectory.error}"
        return
    if [turn.action for turn in trajectory.turns] != done[-1] or len(done) != 1 or len(done[-1]) != TURNS:
        yield f"{len(trajectory.turns)} turns are recorded, the environment saw {[len(one) for one in done]}"
    context: list[int] = []
    for number, turn in enumerate(trajectory.turns):
        asked = Digits().next(f"5 {number}", False) if number else Digits().first("", opening(trajectory.task.seed))
        context += [*asked, *turn.token_ids]
        if turn.keep + len(asked) + len(turn.token_ids) != len(context) or list(turn.prompt_ids) != asked:
            yield f"turn {number} keeps {turn.keep} tokens and adds {turn.prompt_ids}"
        if turn.checksum != checksum(context):
            yield f"turn {number} was answered in another context than it is recorded in"
        if not len(turn.token_ids) == len(turn.logprobs) == tokens:
            yield f"turn {number} has {len(turn.token_ids)} tokens and {len(turn.logprobs)} logprobs"


def grown(sizes: Sequence[float]) -> float | None:
    """Return by which part the last quarter of `sizes` is above the second, by their medians; None of too few."""
    quarter = len(sizes) // 4
    if len(sizes) < SHORTEST:
        return None
    return median(sizes[-quarter:]) / median(sizes[quarter : 2 * quarter]) - 1


def answered(url: str) -> int:
    """Return how many requests a `vllm serve` says it has finished."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as response:
        text = response.read().decode()
    counts = re.findall(r"^vllm:request_success_total\{[^}]*\} ([0-9.e+]+)$", text, re.MULTILINE)
    return sum(int(float(count)) for count in counts)


def megabytes() -> tuple[float, float]:
    """Return the memory of this process, and of the server's processes together."""
    own = psutil.Process()
    below = sum(process.memory_info().rss for process in own.children(recursive=True))
    return own.memory_info().rss / 1e6, below / 1e6


def soak(sampler: Any, model: Any, url: str, *, minutes: float, episodes: int, tokens: int) -> dict[str, Any]:
    """Play rounds until the time is over; return what was found."""
    problems: list[str] = []
    own: list[float] = []
    servers: list[float] = []
    turns, begin = 0, time.monotonic()
    while time.monotonic() < begin + 60 * minutes:
        number = len(own)
        sampler.sync(model, number)
        before, start = answered(url), time.monotonic()
        world = Counting(episodes)
        problems += faults(play(sampler, world, lanes=episodes, tokens=tokens, seed=number), world, tokens)
        found = answered(url) - before
        if found != episodes * TURNS:
            problems.append(f"round {number}: the server answered {found} times, expected {episodes * TURNS}")
        turns += episodes * TURNS
        mine, theirs = megabytes()
        own.append(mine)
        servers.append(theirs)
        seconds = time.monotonic() - start
        sys.stdout.write(f"round {number}: {seconds:.1f} s, {mine:.0f} MB here, {theirs:.0f} MB in the server\n")
        sys.stdout.flush()
    return {
        "soak": "vllm-server",
        "minutes": round((time.monotonic() - begin) / 60, 1),
        "rounds": len(own),
        "episodes_at_once": episodes,
        "turns": turns,
        "faults": problems[:10],
        "failed_questions": sampler._answering._fleet.failed,
        "last_failure": list(sampler._answering._fleet.reasons.values()),
        "growth": {"here": grown(own), "server": grown(servers)},
        "megabytes": {"here": [round(own[0]), round(own[-1])], "server": [round(servers[0]), round(servers[-1])]},
    }


def main() -> int:
    """Soak a server of its own; return 1 when something is wrong."""
    parser = argparse.ArgumentParser(description="Many episodes at once over a `vllm serve`, for a while.")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--episodes", type=int, default=256)
    asked = parser.parse_args()
    shape = TinyConfig(width=64, layers=2, heads=2, mlp=96, max_context=512)
    model = build_model(VOCABULARY, shape, seed=0).eval()
    sampler = VllmServerSampler(model=model, max_context=512, lanes=asked.episodes, start_timeout=1800.0)
    try:
        (url,) = sampler._answering._servers
        found = soak(sampler, model, url, minutes=asked.minutes, episodes=asked.episodes, tokens=6)
    finally:
        asyncio.run(sampler.close())
    sys.stdout.write(json.dumps(found) + "\n")
    leaks = [growth for growth in found["growth"].values() if growth is not None and growth > GROWTH]
    return 1 if found["faults"] or leaks else 0


if __name__ == "__main__":
    sys.exit(main())
