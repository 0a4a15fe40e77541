"""Recordings of the original program, played again here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rftcore.errors import ConfigError
from rftcore_alfworld.commands import Dialect
from rftcore_alfworld.engine import Engine
from rftcore_alfworld.game import build
from rftcore_alfworld.goal import understand
from rftcore_alfworld.pddl import read

_NEEDED = ("pddl_problem", "goal", "first_observation", "first_admissible_commands")


def replayed(record: Mapping[str, Any], dialect: Dialect, mended: bool) -> Iterator[tuple[str, Any, Any]]:
    """Play every walk of a recorded game; yield where it is, what was recorded, and what happens here.

    Compared are, for the reset of each walk, the first observation and the admissible commands; for each action the
    observation, the admissible commands, won, reward and done; and that the recorded list of the expert's actions wins.
    Raises ConfigError when fields are missing.
    """
    missing = [key for key in _NEEDED if key not in record]
    walks = {key: steps for key, steps in record.items() if key.endswith("_walk") and steps is not None}
    if missing or not walks:
        lacking = ", ".join(missing) or "any walk"
        raise ConfigError(f"found a record without {lacking}, expected a recorded game of ALFWorld")
    problem = read(record["pddl_problem"])
    game = build(problem.facts, understand(problem.goal), record["goal"], mended)
    for name, steps in walks.items():
        engine = Engine(game, dialect, mended)
        first = (record["first_observation"], record["first_admissible_commands"])
        yield f"game {record.get('id')}, {name}, reset", first, (engine.observation, list(engine.admissible()))
        for number, step in enumerate(steps):
            engine.act(step["action"])
            recorded = tuple(step[key] for key in ("observation", "admissible_commands", "won", "reward", "done"))
            here = (engine.observation, list(engine.admissible()), engine.won, int(engine.won), engine.won)
            yield f"game {record.get('id')}, {name}, step {number}", recorded, here
    if "oracle_actions" in record:
        engine = Engine(game, dialect, mended)
        for action in record["oracle_actions"]:
            engine.act(action)
        yield f"game {record.get('id')}, oracle_actions", True, engine.won
