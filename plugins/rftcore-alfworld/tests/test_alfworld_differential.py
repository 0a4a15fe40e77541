"""The comparison with TextWorld, without TextWorld: the games, the protocol, the counting and what is refused.

`make fidelity` runs it for real, in an environment that has the original.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import EpisodeError
from rftcore_alfworld import textworld_worker
from rftcore_alfworld.differential import games, text, varied
from rftcore_alfworld.game import build
from rftcore_alfworld.generator import TYPES, draft
from rftcore_alfworld.goal import Goal, express, understand
from rftcore_alfworld.pddl import read
from rftcore_alfworld.textworld_process import TextWorld

STAND_IN = """
import json, sys
from rftcore_alfworld.engine import Engine
from rftcore_alfworld.game import build
from rftcore_alfworld.goal import understand
from rftcore_alfworld.pddl import read

for line in sys.stdin:
    request = json.loads(line)
    if "problem" in request:
        problem = read(request["problem"])
        dialect = request["dialect"]
        game = build(problem.facts, understand(problem.goal), request["goal"], False)
    if "action" in request:
        engine.act(request["action"])
    else:
        engine = Engine(game, dialect, False)
    answer = {"observation": engine.observation + END, "admissible": list(engine.admissible()), "won": engine.won}
    print(json.dumps({**answer, "reward": int(engine.won), "done": engine.won}), flush=True)
"""
"""Speaks the worker's protocol, but plays by our own engine; `END` is what it gets wrong."""


def interpreter(folder: Path, end: str) -> str:
    """Return a program that, instead of running TextWorld's worker, runs the stand-in."""
    (folder / "stand_in.py").write_text(f"END = {end!r}\n{STAND_IN}", encoding="utf-8")
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{folder}/stand_in.py"\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def compared(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-m", "rftcore_alfworld.differential", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_equal_answers_are_counted_and_the_exit_code_is_0(tmp_path: Path) -> None:
    code, (last,) = compared("--games", "7", "--steps", "6", "--python", interpreter(tmp_path, ""))
    assert code == 0
    assert (last["games"], last["differences"], last["error"]) == (7, 0, None)
    assert 7 * 6 < last["steps"] <= 7 * (6 + 15)
    assert last["steps_per_second"].keys() == {"rftcore", "textworld"}


def test_the_older_dialect_is_compared_too(tmp_path: Path) -> None:
    code, (last,) = compared("--games", "2", "--steps", "4", "--dialect", "0.3", "--python", interpreter(tmp_path, ""))
    assert (code, last["differences"]) == (0, 0)
    domain, grammar = textworld_worker.older(
        "(define\n(:action look)\n(:action help\n(x)))",
        'template :: "move {o} to {r}"; "You arrive at {r.name}. "\naction help { template :: "help"; }',
    )
    assert domain == "(define\n(:action look)\n)"
    assert grammar == 'template :: "put {o} in/on {r}"; "You arrive at {lend.name}. "\n'


def test_each_difference_is_a_line_and_the_exit_code_is_1(tmp_path: Path) -> None:
    code, (*lines, last) = compared("--games", "2", "--steps", "3", "--python", interpreter(tmp_path, "!"))
    assert code == 1
    # Each step differs, and each of the two resets of each game.
    assert len(lines) == last["differences"] == last["steps"] + 4
    assert lines[0]["where"] == "game 0, expert, reset"
    assert lines[0]["observation"]["textworld"] == lines[0]["observation"]["here"] + "!"


def test_without_textworld_the_exit_code_is_2_and_the_message_says_what_is_missing() -> None:
    code, (last,) = compared("--games", "1")
    assert code == 2
    assert last["steps"] == 0
    assert "textworld" in last["error"]


def test_games_written_as_pddl_are_read_back_as_they_were() -> None:
    for game in games(24, seed=3):
        problem = read(text(game))
        assert problem.facts == game.facts
        assert understand(problem.goal) == game.goal


@pytest.mark.parametrize(
    "goal",
    [
        Goal("mug", destination="desk"),
        Goal("mug", lamp="desklamp"),
        Goal("mug", destination="shelf", count=2),
        Goal("egg", destination="fridge", states=frozenset({"hot"}), abilities=frozenset({"heatable"})),
    ],
)
def test_goals_are_understood_as_they_are_expressed(goal: Goal) -> None:
    assert understand(express(goal)) == goal


def test_most_games_are_varied_and_the_order_of_their_facts_does_not_matter() -> None:
    changed = [game for game in games(40, seed=0) if any(f[0] in ("opened", "iscool", "isclean") for f in game.facts)]
    assert len(changed) >= 20
    game = draft(TYPES[2], 0, 5)
    shuffled = list(varied(game, random.Random(1)).facts)
    one = build(shuffled, game.goal, game.sentence, False)
    random.Random(2).shuffle(shuffled)
    other = build(shuffled, game.goal, game.sentence, False)
    assert (one.things, one.receptacles, one.places, one.start) == (
        other.things,
        other.receptacles,
        other.places,
        other.start,
    )


def test_a_grammar_of_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "alfworld" / "data"
    data.mkdir(parents=True)
    (tmp_path / "alfworld" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    (data / "alfred.twl2").write_text("grammar", encoding="utf-8")
    with pytest.raises(ValueError, match="a grammar is run as code"):
        textworld_worker.shipped("alfred.twl2")
    monkeypatch.setitem(textworld_worker.HASHES, "alfred.twl2", hashlib.sha256(b"grammar").hexdigest())
    assert textworld_worker.shipped("alfred.twl2") == "grammar"


def test_a_process_that_ends_or_complains_is_an_error_of_the_machine(tmp_path: Path) -> None:
    program = tmp_path / "python"
    for script, message in (("exit 3", "code 3"), ('read line; echo \'{"error": "no such game"}\'', "no such game")):
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        with TextWorld(str(program)) as world, pytest.raises(EpisodeError, match=f"{message}|ended"):
            world.start("", "")
