"""Plays the same games here and in TextWorld and counts differences: `python -m rftcore_alfworld.differential`.

Games are our own, of all six types, and most of them changed in ways that official games can be: things hot, cool,
clean, sliced or in bowls, doors open and lamps on from the start. In each game a winning walk and a random one are
played, the latter with odd input among the commands. Compared are observation, admissible commands, won, reward, done.

Each difference is a line of JSON, and so is the last line, which counts. Exit code 0: no difference; 1: at least one;
2: TextWorld could not be asked.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from rftcore.errors import RftError
from rftcore_alfworld.commands import Dialect
from rftcore_alfworld.commands import write as written
from rftcore_alfworld.engine import Engine
from rftcore_alfworld.game import build
from rftcore_alfworld.generator import TYPES, Draft, draft
from rftcore_alfworld.goal import express
from rftcore_alfworld.pddl import Fact, Problem, write
from rftcore_alfworld.planner import Planner
from rftcore_alfworld.tasks import layout_of
from rftcore_alfworld.textworld_process import TextWorld
from rftcore_alfworld.things import HOLDS, THINGS

RandomWalk: TypeAlias = Callable[[Engine], Iterator[str]]
"""Yields actions for the present state of an engine."""

_FIRST = 2**40
"""Where the seeds of these games begin, beyond those of tasks and of practice."""
_STATES = {"coolable": "iscool", "heatable": "ishot", "cleanable": "isclean", "sliceable": "issliced"}
_CHANGED, _ODD = 0.08, 0.15
"""How likely a thing is changed at the start, and how likely an action is no command of the moment."""
_ODD_FORMS = (
    "put {thing} in/on {receptacle}",
    "move {thing} to {receptacle}",
    "take {thing} from {receptacle}",
    "cool {thing} with {receptacle}",
    "heat {thing} with {receptacle}",
    "slice {thing} with {other}",
    "examine {thing}",
    "use {thing}",
    "go to {receptacle}",
    "open {receptacle}",
    "LOOK",
    " help  ",
    "",
    "go to",
)


@dataclass
class Comparison:
    """What was counted so far."""

    games: int = 0
    steps: int = 0
    differences: int = 0
    seconds_here: float = 0.0
    seconds_there: float = 0.0

    def compare(self, where: str, expected: dict[str, Any], got: dict[str, Any]) -> None:
        """Count one comparison; a difference is printed."""
        differing = {key: {"textworld": expected[key], "here": got[key]} for key in got if expected[key] != got[key]}
        if differing:
            self.differences += 1
            sys.stdout.write(json.dumps({"where": where, **differing}) + "\n")
            sys.stdout.flush()


def varied(game: Draft, rng: random.Random) -> Draft:
    """Return a game that begins with some things changed, and its facts in another order."""
    facts = list(game.facts)
    for fact in game.facts:
        if rng.random() >= _CHANGED:
            continue
        if fact[0] in _STATES:
            facts.append((_STATES[fact[0]], fact[1]))
        elif fact[0] == "openable":
            facts.append(("opened", fact[1]))
        elif fact[0] == "isreceptacleobject":
            facts += _filled(game, fact[1], rng)
    if rng.random() < _CHANGED:
        facts += [("istoggled", fact[1]) for fact in game.facts if fact[0] == "toggleable"]
    rng.shuffle(facts)
    return replace(game, facts=tuple(facts))


def _filled(game: Draft, holder: str, rng: random.Random) -> list[Fact]:
    """Put what stands beside a bowl or a box into it."""
    where = {fact[1]: fact[2] for fact in game.facts if fact[0] == "inreceptacle"}
    beside = [thing for thing, receptacle in where.items() if receptacle == where[holder] and thing != holder]
    return [("inreceptacleobject", thing, holder) for thing in beside if rng.random() < 0.5]


def text(game: Draft) -> str:
    """Return a game as a PDDL problem that declares all it names, and the types that the domain names."""
    types = {f"{kind}type": "otype" for kind in THINGS} | {f"{kind}type": "rtype" for kind in HOLDS}
    for fact in game.facts:
        if fact[0] in ("objecttype", "receptacletype"):
            types[fact[1]] = fact[0].removesuffix("type")
        elif fact[0].endswith("atlocation"):
            types[fact[2]] = "location"
            types.setdefault(fact[1], "agent" if fact[0] == "atlocation" else "")
    return write(Problem(game.facts, express(game.goal)), sorted((name, kind) for name, kind in types.items() if kind))


def games(count: int, seed: int) -> Iterator[Draft]:
    """Yield games, the types taking turns; every fourth one as it was generated, the others varied."""
    for number in range(count):
        task_type = TYPES[number % len(TYPES)]
        rng = random.Random(f"alfworld/differential/{seed}/{number}")
        key = _FIRST + rng.getrandbits(40)
        game = draft(task_type, layout_of(rng.choice(("train", "test")), task_type, key), key)
        yield game if number % 4 == 0 else varied(game, rng)


def actions(engine: Engine, steps: int, rng: random.Random) -> Iterator[str]:
    """Yield random commands for the present state of `engine`; take the step before asking for the next."""
    names = [thing.name for thing in engine.game.things]
    furniture = [receptacle.name for receptacle in engine.game.receptacles]
    for _ in range(steps):
        admissible = engine.admissible()
        if rng.random() < _ODD:
            thing, receptacle = rng.choice(names), rng.choice(furniture)
            form = rng.choice(_ODD_FORMS)
            yield form.format(thing=thing, receptacle=receptacle, other=rng.choice(names))
        else:
            # Walking about is most of what is possible, and the least of what can go wrong.
            other = [command for command in admissible if not command.startswith("go to ")]
            yield rng.choice(other if rng.random() < 0.6 else admissible)


def play(world: TextWorld, game: Draft, dialect: Dialect, random_walk: RandomWalk, counted: Comparison) -> None:
    """Play both walks of one game on both sides."""
    problem = text(game)
    tables = build(game.facts, game.goal, game.sentence, mended=False)
    plan = [written(tables, dialect, command) for command in Planner(tables, tables.start).plan() or []]
    for name in ("expert", "random"):
        engine = Engine(tables, dialect, mended=False)
        counted.seconds_there -= time.perf_counter()
        there = world.start(problem, game.sentence, dialect) if name == "expert" else world.again()
        counted.seconds_there += time.perf_counter()
        where = f"game {counted.games}, {name}"
        counted.compare(f"{where}, reset", there, _seen(engine))
        for number, action in enumerate(plan if name == "expert" else random_walk(engine)):
            counted.seconds_here -= time.perf_counter()
            engine.act(action)
            here = {**_seen(engine), "reward": int(engine.won), "done": engine.won}
            counted.seconds_here += time.perf_counter()
            counted.seconds_there -= time.perf_counter()
            there = world.step(action)
            counted.seconds_there += time.perf_counter()
            counted.compare(f"{where}, step {number}, {action!r}", there, here)
            counted.steps += 1
            if engine.won:
                break
    counted.games += 1


def _seen(engine: Engine) -> dict[str, Any]:
    return {"observation": engine.observation, "admissible": list(engine.admissible()), "won": engine.won}


def main() -> int:
    """Compare and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rftcore_alfworld.differential", description=__doc__)
    parser.add_argument("--games", type=int, default=200)
    parser.add_argument("--steps", type=int, default=20, help="actions of a random walk")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dialect", choices=("0.3", "0.4"), default="0.4")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has alfworld and textworld")
    options = parser.parse_args()
    counted = Comparison()
    error = None
    try:
        with TextWorld(options.python) as world:
            for number, game in enumerate(games(options.games, options.seed)):
                walk = partial(actions, steps=options.steps, rng=random.Random(f"{options.seed}/{number}"))
                play(world, game, options.dialect, walk, counted)
    except (OSError, RftError) as failure:
        error = str(failure)
    found = {
        "games": counted.games,
        "steps": counted.steps,
        "differences": counted.differences,
        "steps_per_second": {
            "rftcore": round(counted.steps / max(counted.seconds_here, 1e-9)),
            "textworld": round(counted.steps / max(counted.seconds_there, 1e-9), 1),
        },
        "error": error,
    }
    sys.stdout.write(json.dumps(found) + "\n")
    return 2 if error is not None or not counted.steps else int(counted.differences > 0)


if __name__ == "__main__":
    sys.exit(main())
