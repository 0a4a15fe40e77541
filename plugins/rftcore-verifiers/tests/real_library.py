"""The bridge against verifiers itself and what others publish for it; `make test-bridges` runs it."""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from rftcore.errors import ConfigError, EpisodeError
from rftcore.testing import conforms
from rftcore_verifiers.environment import Verifiers

POEMS: dict[str, Any] = {
    "id": "stardata.envs.constraint_gym:load_lipogram_env",
    "called": "lipogram",
    "train": 20,
    "test": 8,
}
CARDS: dict[str, Any] = {"id": "verifiers_games:blackjack", "train": 20, "test": 8, "reward_range": (-1.0, 1.0)}
TOOLS: dict[str, Any] = {"id": "verifiers_games:divisors", "train": 20, "test": 8, "expert": "{answer}"}


@conforms("verifiers", level="full", options=POEMS)
def test_a_published_package_keeps_what_every_environment_promises(check: Callable[[], None]) -> None:
    check()


@conforms("verifiers", level="light", options=CARDS)
def test_a_game_of_several_turns_keeps_what_every_environment_promises(check: Callable[[], None]) -> None:
    check()


@conforms("verifiers", level="light", options=TOOLS)
def test_tools_keep_what_every_environment_promises(check: Callable[[], None]) -> None:
    check()


def test_a_package_of_the_hub_is_played_by_its_id() -> None:
    world = Verifiers(id="sophistry-bench-sprint", train=6, test=3)
    task = world.tasks("test", "all")[0]
    assert (world.name, world.max_turns) == ("sophistry-bench-sprint", 1)
    assert task.id == f"sophistry-bench-sprint/all/test/{task.seed}"
    episode = world.start(task)
    assert episode.observation.startswith("You are arguing for an answer to a reading-comprehension question.")
    assert episode.step("nothing at all").terminated


def test_reasoning_gym_through_verifiers_rewards_the_right_answer() -> None:
    world = Verifiers(
        id="verifiers.envs.integrations.reasoninggym_env:ReasoningGymEnv",
        called="sums",
        arguments={"gym": "chain_sum", "num_train_examples": 40, "num_eval_examples": 20},
        train=10,
        test=5,
    )
    assert world.instructions.startswith("Given a problem, your task is to answer the question")
    task = world.tasks("test", "all")[0]
    episode = world.start(task)
    sum_of = eval(episode.observation.split(": ")[1].rstrip(" ="), {"__builtins__": {}})
    step = episode.step(f"<answer>{sum_of}</answer>")
    assert (step.reward, step.terminated, step.success) == (1.0, True, True)
    assert world.start(task).step("<answer>no</answer>").reward < 1.0


def test_a_tool_is_called_and_its_result_is_read() -> None:
    world = Verifiers(**TOOLS)
    task = world.tasks("train", "all")[0]
    episode = world.start(task)
    a, b = [int(word) for word in episode.observation.rstrip("?").split() if word.isdigit()]
    step = episode.step(f'{{"name": "gcd", "arguments": {{"a": {a}, "b": {b}}}}}')
    assert (step.observation, step.terminated, step.valid) == (task.answer, False, True)
    unknown = episode.step('{"name": "lcm", "arguments": {}}')
    assert (unknown.valid, unknown.terminated) == (False, False)
    assert "There is no such tool, expected one of: gcd." in unknown.observation
    assert episode.step(str(task.answer)).success


def test_an_episode_that_runs_out_of_turns_is_truncated() -> None:
    episode = (world := Verifiers(**TOOLS)).start(world.tasks("train", "all")[0])
    steps = [episode.step('{"name": "gcd", "arguments": {"a": 2, "b": 4}}') for _ in range(world.max_turns)]
    assert [step.truncated for step in steps] == [False, False, False, True]
    assert not steps[-1].terminated and not steps[-1].success


def test_a_game_goes_on_until_its_end_and_its_rewards_are_summed_by_the_rubric() -> None:
    world = Verifiers(**CARDS)
    assert world.instructions == "Play Blackjack. Say hit or stick."
    task = world.tasks("train", "all")[0]
    episode = world.start(task)
    assert episode.observation.startswith("You have ")
    asked_again = episode.step("stick")  # as this class does, which looks at its end before it asks
    assert asked_again.observation.endswith("Episode already ended.") and not asked_again.terminated
    step = episode.step("hit")
    assert step.terminated and step.reward in (-1.0, 0.0, 1.0)
    assert step.success == (step.reward == 1.0)
    assert episode.step("hit") is step


def test_a_row_that_changed_is_noticed() -> None:
    world = Verifiers(**TOOLS)
    task = world.tasks("train", "all")[0]
    with pytest.raises(EpisodeError, match="says something else than when task"):
        world.start(task.model_copy(update={"data": {**task.data, "row": "0" * 64}}))


def test_a_metric_that_there_is_not_is_named() -> None:
    world = Verifiers(**{**TOOLS, "success_metric": "wrong"})
    with pytest.raises(
        EpisodeError, match="success_metric: found 'wrong', expected one of: gcd_calls, num_turns, right"
    ):
        world.start(world.tasks("train", "all")[0]).step("1")


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("no-such-package", "no-such-package cannot be loaded .* install it"),
        ("verifiers_games:nothing", "AttributeError: .* correct the arguments"),
        ("verifiers_games:gcd", r"cannot be loaded with \{\} \(TypeError"),
        ("math:gcd", "makes a int, expected a verifiers.Environment"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_what_to_do(id: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Verifiers(id=id)


def test_loading_takes_no_signal_over_and_works_in_any_thread() -> None:
    before = signal.getsignal(signal.SIGINT)
    made: list[Verifiers] = []
    thread = threading.Thread(target=lambda: made.append(Verifiers(**TOOLS)))
    thread.start()
    thread.join()
    assert made and signal.getsignal(signal.SIGINT) is before


def test_the_thread_ends_with_the_environment() -> None:
    world = Verifiers(**TOOLS)
    world.start(world.tasks("train", "all")[0]).close()
    count = sum(thread.name == "verifiers" for thread in threading.enumerate())
    del world
    gc.collect()
    end = time.monotonic() + 10
    while sum(thread.name == "verifiers" for thread in threading.enumerate()) >= count and time.monotonic() < end:
        time.sleep(0.02)
    assert sum(thread.name == "verifiers" for thread in threading.enumerate()) < count
