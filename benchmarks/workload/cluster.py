"""A cluster as discrete events: episodes on replicas that batch continuously, updates, and a study's jobs on its GPUs.

Three levels, each fed by the one below: `rollout` plays episodes on one replica, turn by turn; `update_seconds` adds
learning and the exchange of weights; `schedule` runs the stages and cells of a plan, as the study does, on groups of
GPUs. All costs come in as a `Machine` and a `Model`; nothing is measured here.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """Of decoder layers with grouped heads."""

    parameters: float
    cache_bytes: float
    """Of keys and values of one token."""
    weight_bytes: float = 2.0
    """Of one parameter."""

    @property
    def size(self) -> float:
        """Bytes of the weights."""
        return self.parameters * self.weight_bytes


@dataclass(frozen=True)
class Machine:
    """One GPU, and what connects it to others."""

    flops: float
    """Floating point operations a second at the peak."""
    bandwidth: float
    """Bytes a second from its own memory, at the peak."""
    used_flops: float
    """Share of the peak that learning and prefilling reach."""
    used_bandwidth: float
    """Share of the peak that decoding reaches."""
    near: float
    """Bytes a second between GPUs of one node, each way."""
    far: float
    """Bytes a second between nodes, for one GPU."""
    node: int
    """GPUs of a node."""
    disk: float
    """Bytes a second that a checkpoint is written with."""
    turn: float
    """Seconds that an environment's step, and what the driver does about a turn, take; an episode waits for it."""

    def link(self, gpus: int) -> float:
        """Return the bytes a second that each of `gpus` exchanges with the others."""
        return self.near if gpus <= self.node else self.far


@dataclass(frozen=True)
class Turn:
    """Tokens that an observation adds, and those of the answer."""

    read: int
    written: int


Episode = Sequence[Turn]


def decode_seconds(model: Model, machine: Machine, contexts: float) -> float:
    """Return the seconds of one decoding step: weights once, and `contexts` tokens of keys and values, are read."""
    return (model.size + contexts * model.cache_bytes) / (machine.bandwidth * machine.used_bandwidth)


def prefill_seconds(model: Model, machine: Machine, tokens: float) -> float:
    """Return the seconds of reading: 2 operations a parameter and token, and the weights at least once."""
    compute = 2 * model.parameters * tokens / (machine.flops * machine.used_flops)
    return max(compute, model.size / (machine.bandwidth * machine.used_bandwidth))


def rollout(model: Model, machine: Machine, episodes: Sequence[Episode], slots: int) -> float:
    """Return the seconds in which one replica plays `episodes`, `slots` at a time, the next one when one has ended.

    All that are answering get one token a decoding step. An observation is read by itself, between two steps, while
    the others wait.
    """
    waiting, now, steps = deque(episodes), 0.0, 0
    reading: list[tuple[float, int, int]] = []  # when the environment has answered, number, turn
    answering: list[tuple[int, int, int]] = []  # step after which the answer is complete, number, turn
    playing: dict[int, Episode] = {}
    behind: dict[int, int] = {}  # tokens of the context; while it answers, less the steps so far
    answered = 0  # sum of `behind` over those that answer
    number = 0
    while waiting or reading or answering:
        while waiting and len(playing) < slots:
            playing[number], behind[number] = waiting.popleft(), 0
            heapq.heappush(reading, (now, number, 0))
            number += 1
        if reading and (reading[0][0] <= now or not answering):
            at, which, turn = heapq.heappop(reading)
            now = max(now, at) + prefill_seconds(model, machine, playing[which][turn].read)
            behind[which] += playing[which][turn].read - steps
            answered += behind[which]
            heapq.heappush(answering, (steps + playing[which][turn].written, which, turn))
            continue
        seconds = decode_seconds(model, machine, answered + len(answering) * steps)
        todo = answering[0][0] - steps
        if reading:  # not beyond the moment at which an environment answers
            todo = min(todo, max(1, int((reading[0][0] - now) / seconds)))
        steps, now = steps + todo, now + todo * seconds
        while answering and answering[0][0] <= steps:
            _, which, turn = heapq.heappop(answering)
            answered -= behind[which]
            behind[which] += steps
            if turn + 1 < len(playing[which]):
                heapq.heappush(reading, (now + machine.turn, which, turn + 1))
            else:
                del playing[which], behind[which]
    return now


def spread(model: Model, machine: Machine, episodes: Sequence[Episode], gpus: int, slots: int) -> float:
    """Return the seconds until all of `gpus` replicas have played their shares, dealt out in turn."""
    return max(rollout(model, machine, episodes[first::gpus], slots) for first in range(min(gpus, len(episodes))))


def learn_seconds(model: Model, machine: Machine, tokens: float, passes: float, gpus: int) -> float:
    """Return the seconds of learning: `passes` times 2 operations a parameter and token, and the exchange of weights.

    Split weights are gathered for both passes and gradients scattered: three times the weights (FSDP).
    """
    compute = passes * 2 * model.parameters * tokens / (gpus * machine.flops * machine.used_flops)
    exchanged = 3 * model.size * (gpus - 1) / gpus / machine.link(gpus) if gpus > 1 else 0.0
    return compute + exchanged


def sync_seconds(model: Model, machine: Machine, gpus: int) -> float:
    """Return the seconds in which every replica gets the new weights."""
    return model.size / machine.link(gpus) if gpus > 1 else model.size / (machine.bandwidth * machine.used_bandwidth)


@dataclass(frozen=True)
class Work:
    """A stage or a cell: how long a group of GPUs takes for it, and what it waits for."""

    seconds: float
    needs: str | None = None


def schedule(jobs: Mapping[str, Work], places: int) -> tuple[float, float]:
    """Return the seconds until all jobs are done on so many places, and the share of these seconds that a place works.

    Of the jobs that may begin, the one with the longest way behind it begins first.
    """
    behind: dict[str, float] = {}
    followers: dict[str | None, list[str]] = {}
    for name, job in jobs.items():
        followers.setdefault(job.needs, []).append(name)

    def way(name: str) -> float:
        if name not in behind:
            behind[name] = jobs[name].seconds + max(map(way, followers.get(name, ())), default=0.0)
        return behind[name]

    ready = [(-way(name), name) for name in followers.get(None, ())]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < places:
            _, name = heapq.heappop(ready)
            heapq.heappush(running, (now + jobs[name].seconds, name))
        now, ended = heapq.heappop(running)
        for name in followers.get(ended, ()):
            heapq.heappush(ready, (-way(name), name))
    return now, sum(job.seconds for job in jobs.values()) / (now * places)
