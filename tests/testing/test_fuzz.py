"""Actions that nobody should send: every environment here answers them, and what does not is found."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import fuzz as script
import pytest

from rftcore import registry
from rftcore.environment import Environment
from rftcore.executor import Outcome
from rftcore.specs import EnvironmentSpec
from rftcore.testing.environments import fuzz as fuzzing
from rftcore.testing.environments.adversary import NONSENSE, Adversary
from rftcore.testing.environments.fuzz import fuzz
from rftcore.testing.environments.world import World

NAMES = tuple(name for name in script.names() if not name.startswith("shift:"))


@cache
def world(name: str) -> Environment:
    made: Environment = registry.create("environment", name)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_an_environment_answers_whatever_is_sent(name: str) -> None:
    found = fuzz(world(name), 300)
    assert found.problems == []
    assert found.actions >= 300 and found.episodes > 5 and 0 < found.understood < found.actions


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sciworld"])
def test_an_environment_behind_another_interface_answers_it_too(name: str) -> None:
    shifted = registry.create("environment", "shift", {"environment": name, **script.SHIFTS})
    found = fuzz(shifted, 300)
    assert found.problems == []
    assert 0 < found.understood < found.actions


@pytest.mark.slow
@pytest.mark.parametrize("name", script.names())
def test_an_environment_answers_a_hundred_thousand_actions(name: str) -> None:
    shift, _, within = name.rpartition(":")
    options: dict[str, Any] = {"environment": within, **script.SHIFTS} if shift else {}
    assert fuzz(registry.create("environment", shift or name, options), 100_000).problems == []


@pytest.fixture
def specimen(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "specimens"))
    return lambda kind: World(EnvironmentSpec(name="dial", target=kind, summary="turn a dial")).own


def test_a_sound_environment_has_no_problem(specimen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "JUDGED", 4000)
    found = fuzz(specimen("worlds:Dial"), 4000)
    assert found.problems == []
    assert found.before[0] > 0 < found.after[0]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("worlds:Fragile", " raised KeyError: "),
        ("worlds:NotANumber", " gave the reward nan, expected a finite number"),
        ("worlds:Generous", " gave the reward 100.0, expected 0 to 1"),
        ("worlds:Unshown", "while the episode shows "),
        ("burdens:Tiring", "gave an answer after 0."),
        ("burdens:Chattering", " gave 100001 characters, expected 100000 at most"),
        ("burdens:Diary", "blocks of memory behind, expected less than 0.5"),
        ("worlds:Swelling", "the process grew by "),
    ],
)
def test_what_goes_wrong_is_found(kind: str, sentence: str, specimen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "JUDGED", 600)
    monkeypatch.setattr(fuzzing, "SLOW", 0.1)
    found = fuzz(specimen(kind), 600)
    assert any(sentence in problem for problem in found.problems), found.problems
    assert len(found.problems) <= 20


def test_the_same_seed_sends_the_same_actions_and_another_one_others() -> None:
    environment = world("textcraft")

    def sent(seed: int) -> list[str]:
        adversary = Adversary(environment, ["get 1 oak log"], random.Random(seed))
        episode = environment.start(environment.tasks("train", "easy")[0])
        actions = []
        for _ in range(400):
            actions.append(adversary.action(episode))
            episode.step(actions[-1])
        return actions

    first = sent(1)
    assert first == sent(1) != sent(2)
    assert {"get 1 oak log", "", "\0", "走る"} <= {*first, *sent(2), *sent(3)}
    assert any(action.startswith("get ") and action not in NONSENSE for action in first)
    assert max(map(len, first)) >= 5000


def test_the_script_says_one_line_for_each_and_how_it_ended() -> None:
    found = {"actions": 300, "episodes": 10, "understood": 60, "seconds": 2.0, "slowest": 0.01, "problems": []}
    memory = {"before": [1000, 50 << 20], "after": [1007, 51 << 20]}
    assert script.line("dial", Outcome("dial", {**found, **memory})) == (
        "dial: 300 actions in 10 episodes, 60 understood, 150 actions/s, slowest 0.01 s, "
        "memory 50 to 51 MiB over the second half (+7 blocks)",
        True,
    )
    said, well = script.line("dial", Outcome("dial", {**found, **memory, "problems": ["it raised"]}))
    assert said.endswith("\n  * it raised") and not well
    assert script.line("dial", Outcome("dial", error=RuntimeError("it died"))) == ("dial: BROKEN\n  * it died", False)
