"""One answer, one score; and what is said without the library. `make test-bridges` plays the library itself."""

from __future__ import annotations

import random
import sys

import pytest

from rftcore import PluginError, registry
from rftcore.environment import Step
from rftcore.errors import ConfigError
from rftcore_reasoning_gym.episode import Problem


def scored(answer: str) -> float | None:
    return None if answer == "?" else {"12": 1.0, "12.0": 0.5}.get(answer, 0.0)


def problem(success: float = 1.0) -> Problem:
    return Problem("5 + 7 =", "12", scored, success, ("12", "9"))


def test_the_right_answer_ends_it_with_a_success() -> None:
    episode = problem()
    step = episode.step(f" {episode.expert_action()}\n")
    assert step == Step("Right.", 1.0, terminated=True, success=True)
    assert episode.step("9") is step


def test_an_answer_that_is_nearly_right_is_a_success_where_that_is_enough() -> None:
    assert problem().step("12.0") == Step("Wrong, score 0.5.", 0.5, terminated=True)
    assert problem(success=0.5).step("12.0") == Step("Right.", 0.5, terminated=True, success=True)


def test_what_the_scorer_cannot_read_is_worth_nothing() -> None:
    assert problem().step("?") == Step("Wrong, score 0.", 0.0, terminated=True, valid=False)


def test_saying_nothing_is_no_answer() -> None:
    episode = problem()
    assert episode.step("\n\0") == Step("That is no answer.\n5 + 7 =", 0.0, terminated=False, valid=False)
    assert episode.step("12").success


def test_random_answers_are_those_of_the_list() -> None:
    rng = random.Random(0)
    assert {problem().random_action(rng) for _ in range(20)} == {"12", "9"}


def test_without_the_library_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(
        (ConfigError, PluginError), match=r"expected it to be installed; run: pip install reasoning-gym"
    ):
        registry.create("environment", "reasoning-gym", {"dataset": "chain_sum"})
