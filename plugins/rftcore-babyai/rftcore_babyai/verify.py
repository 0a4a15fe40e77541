"""Find the tasks: play every candidate with the expert and store how many turns it took.

python -m rftcore_babyai.verify            # some minutes on one core; rewrites expert_turns.json
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rftcore_babyai.episode import BabyAIEpisode
from rftcore_babyai.levels import GROUPS, LEVELS, minigrid_id
from rftcore_babyai.tasks import FILE, FIRST_SEED, LIMITS, SYMBOLS
from rftcore_babyai.world import World

CANDIDATES = {"train": 200, "test": 40}
"""Seeds that are tried for each level and split."""


def expert_turns(level: str, seed: int, limit: int) -> int:
    """Return in how many turns the expert succeeds; 0 when it does not within `limit`."""
    episode = BabyAIEpisode(World(minigrid_id(level, "fixed"), seed), "never")
    for turns in range(1, limit + 1):
        action = episode.expert_action()
        if action is None:
            return 0
        step = episode.step(action)
        if step.terminated or step.truncated:
            return turns if step.success else 0
    return 0


def fingerprint(level: str, seed: int) -> str:
    """Return a hash of the world at its start: grid, agent, what it carries, mission."""
    world = World(minigrid_id(level, "fixed"), seed)
    return hashlib.sha256(repr((bytes(world.cells), world.pose, world.carried, world.mission)).encode()).hexdigest()


def survey(level: str, limit: int) -> dict[str, str]:
    """Return the symbols of a level's candidates, for each split; a world that was there before is no task."""
    known: set[str] = set()
    symbols: dict[str, str] = {}
    for split, first in FIRST_SEED.items():
        row = []
        for seed in range(first, first + CANDIDATES[split]):
            world = fingerprint(level, seed)
            row.append(SYMBOLS[0 if world in known else expert_turns(level, seed, limit)])
            known.add(world)
        symbols[split] = "".join(row)
    return symbols


def main() -> None:
    """Rewrite the stored file."""
    found = {LEVELS[number]: survey(LEVELS[number], LIMITS[group]) for group in GROUPS for number in GROUPS[group]}
    (Path(__file__).parent / FILE).write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
