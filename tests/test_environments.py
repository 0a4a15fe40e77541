"""What has to hold of every environment in this repository, whoever wrote it (docs/environments.md), by playing."""

from __future__ import annotations

import pickle
import random
from functools import cache

import pytest

from rftcore import registry
from rftcore.environment import Environment, Step, distinct_words
from rftcore.schemas.task import Split, Task

NAMES = registry.names("environment")
SPLITS: tuple[Split, ...] = ("train", "test")
FACTS = {
    "lists_actions": bool,
    "feedback": str,
    "deterministic": bool,
    "thread_safe": bool,
    "profile": str,
    "data_source": str,
    "license": str,
    "expert_turns_easy": float,
    "expert_turns_hard": float,
    "vocabulary_words": int,
}
NONSENSE = ("", " \n", "\0\0", "x" * 1_000_000, "пойти на север", "走る", "'; DROP TABLE tasks; --", "{0.__class__}")


@cache
def world(name: str, **options: object) -> Environment:
    created: Environment = registry.create("environment", name, options)
    return created


def first_tasks(environment: Environment, count: int) -> list[Task]:
    return [
        task
        for split in SPLITS
        for difficulty in environment.difficulties
        for task in environment.tasks(split, difficulty)[:count]
    ]


def finish(environment: Environment, task: Task) -> list[Step]:
    """Let the expert play to the end; return every step."""
    episode = environment.start(task)
    steps = []
    for action in environment.oracle(task):
        steps.append(episode.step(action))
    assert episode.step("after the end") == steps[-1], "the end is final"
    assert episode.observation == steps[-1].observation
    episode.close()
    return steps


def test_there_is_something_to_check() -> None:
    assert {"textcraft", "babyai"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_facts_say_what_the_report_prints(name: str) -> None:
    environment = world(name)
    facts = environment.facts()
    assert {key: type(facts[key]) for key in FACTS} == FACTS
    assert facts["vocabulary_words"] == len(distinct_words(environment.vocabulary())) > 0
    assert facts["profile"] == "fixed"
    for difficulty in environment.difficulties:
        assert 1.0 <= float(facts[f"expert_turns_{difficulty}"]) <= environment.max_turns


@pytest.mark.parametrize("name", NAMES)
def test_the_expert_succeeds_within_the_turn_limit_and_the_end_is_final(name: str) -> None:
    environment = world(name)
    for task in first_tasks(environment, 2):
        steps = finish(environment, task)
        assert steps[-1].success, task.id
        assert steps[-1].terminated
        assert len(steps) <= environment.max_turns
        low, high = environment.reward_range
        assert all(low <= step.reward <= high for step in steps)


@pytest.mark.parametrize("name", NAMES)
def test_tasks_say_what_they_are_and_no_id_is_in_two_lists(name: str) -> None:
    environment = world(name)
    seen: set[str] = set()
    for split in SPLITS:
        for difficulty in environment.difficulties:
            tasks = environment.tasks(split, difficulty)
            assert {(task.environment, task.split, task.difficulty) for task in tasks} == {(name, split, difficulty)}
            assert all(task.id.startswith(f"{name}/{difficulty}/{split}/") for task in tasks)
            ids = {task.id for task in tasks}
            assert len(ids) == len(tasks)
            assert not ids & seen
            seen |= ids


@pytest.mark.parametrize("name", NAMES)
def test_nonsense_is_answered_and_an_episode_can_still_be_won(name: str) -> None:
    environment = world(name)
    task = environment.tasks("test", environment.difficulties[0])[0]
    for action in NONSENSE:
        episode = environment.start(task)
        step = episode.step(action)
        assert isinstance(step.observation, str)
        assert len(step.observation) < 100_000
        assert not (step.valid or step.terminated or step.success), action[:20]
        assert episode.expert_action() is not None
        episode.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_action_list_is_shown_as_often_as_asked(name: str) -> None:
    for mode, expected in (("never", (False, False)), ("first", (True, False)), ("every", (True, True))):
        environment = world(name, action_list=mode)
        task = environment.tasks("test", environment.difficulties[-1])[0]
        episode = environment.start(task)
        first = episode.observation
        rest = episode.step("nothing of the kind").observation
        assert ("Available actions: [" in first, "Available actions: [" in rest) == expected, mode
        assert environment.facts()["lists_actions"] == (mode != "never")
        episode.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_through_pickle_plays_alike(name: str) -> None:
    environment = world(name)
    copy = pickle.loads(pickle.dumps(environment))
    for task in first_tasks(environment, 1):
        rng, again = random.Random(task.seed), random.Random(task.seed)
        ours, theirs = environment.start(task), copy.start(task)
        assert ours.observation == theirs.observation
        for _ in range(5):
            action = ours.random_action(rng)
            assert action == theirs.random_action(again)
            step = ours.step(action)
            assert step == theirs.step(action)
            if step.terminated or step.truncated:
                break
        ours.close()
        theirs.close()
