"""Play the same actions here and in the package `scienceworld` itself, and count the differences.

python -m rftcore_sciworld.differential --episodes 60

The package's listings follow from where Java's objects happen to lie, so two of its runs differ. Here it is run with
the one setting of Java that makes them follow from the order of insertion, which our worlds have, too. And the package
lists the valid actions after every step, and draws random numbers for it, so that later a flower may wilt at another
moment. Our worlds answer as if nobody had asked, and here the package is kept from asking.

Each difference is a line of JSON, and so is the last line, which counts. Exit code 0: no difference; 1: at least one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Iterator
from typing import Any

from rftcore_sciworld import simulator
from rftcore_sciworld.environment import SciWorld
from rftcore_sciworld.episode import Experiment
from rftcore_sciworld.expert import gold
from rftcore_sciworld.tasks import VARIATIONS, variations

RANDOM_STEPS = 15
"""Actions of a random walk."""


def original() -> Any:
    """Return the package's own environment, in a Java process of its own."""
    before = os.environ.get("JAVA_TOOL_OPTIONS")
    os.environ["JAVA_TOOL_OPTIONS"] = " ".join([before or "", *simulator.ORDERLY]).strip()
    try:
        from scienceworld import ScienceWorldEnv  # type: ignore[import-untyped]

        peer = ScienceWorldEnv()
        peer.get_valid_action_object_combinations = list
        return peer
    finally:
        del os.environ["JAVA_TOOL_OPTIONS"]
        if before is not None:
            os.environ["JAVA_TOOL_OPTIONS"] = before


def walks(episodes: int) -> Iterator[tuple[str, int, tuple[str, ...] | None]]:
    """Yield kind, variation and actions of every walk: a gold path, or None for a random one; kinds take turns."""
    rng = random.Random(0)
    for number in range(episodes):
        kind = list(VARIATIONS)[number % 23]  # The slow kinds come last; a gold path of theirs takes half a minute.
        variation = rng.choice(variations(kind, "test"))
        yield kind, variation, gold(kind, variation) if number % 2 == 0 else None


def compare(peer: Any, kind: str, variation: int, actions: tuple[str, ...] | None) -> tuple[int, int]:
    """Play one walk on both sides; return compared steps and differences in observation, score and end.

    Each difference is printed, a line of JSON.
    """
    episode = Experiment(kind, variation, "never", mended=False)
    peer.load(kind, variation)
    first, _ = peer.reset()
    rng = random.Random(f"{kind}/{variation}")
    steps, differences = 1, int(episode.observation != f"{peer.get_task_description()}\n{first}")
    for number in range(RANDOM_STEPS if actions is None else len(actions)):
        action = episode.random_action(rng) if actions is None else actions[number]
        step = episode.step(action)
        observation, _, over, info = peer.step(action)
        here = (step.observation, step.reward, step.terminated or step.truncated)
        there = (observation, min(1.0, max(0.0, info["score"] / 100)), over)
        steps += 1
        if here != there:
            differences += 1
            where = f"{kind}, variation {variation}, step {number}, {action!r}"
            sys.stdout.write(json.dumps({"where": where, "scienceworld": there, "here": here}) + "\n")
        if over:
            break
    episode.close()
    return steps, differences


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=60)
    episodes = parser.parse_args().episodes
    peer = original()
    found = [compare(peer, *walk) for walk in walks(episodes)]
    steps, differences = (sum(column) for column in zip(*found, strict=True))
    line = {"environment": SciWorld.name, "against": "scienceworld 1.2.3", "episodes": episodes}
    sys.stdout.write(json.dumps(line | {"steps": steps, "differences": differences}) + "\n")
    peer.close()
    sys.exit(1 if differences or not steps else 0)


if __name__ == "__main__":
    main()
