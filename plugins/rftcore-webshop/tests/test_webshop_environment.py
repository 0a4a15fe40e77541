from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from rftcore.environment import distinct_words
from rftcore.errors import ConfigError
from rftcore.schemas.task import Task
from rftcore_webshop.environment import WebShop
from rftcore_webshop.generator import PRODUCTS, items
from rftcore_webshop.lists import EASY, HARD

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SIZES = {("train", "easy"): 2654, ("test", "easy"): 371, ("train", "hard"): 4225, ("test", "hard"): 611}
SHOP = WebShop()


def goals(split: str, difficulty: str, shop: WebShop = SHOP) -> list[int]:
    return [int(str(task.data["goal"])) for task in shop.tasks(split, difficulty)]  # type: ignore[arg-type]


def played(shop: WebShop, task: Task) -> tuple[list[str], bool]:
    """Let the expert play; return the actions and whether they succeeded."""
    episode, actions, success = shop.start(task), list(shop.oracle(task)), False
    for action in actions:
        step = episode.step(action)
        assert step.valid, action
        success = step.success
    return actions, success


def test_the_lists_have_the_sizes_that_the_readme_states() -> None:
    for (split, difficulty), size in SIZES.items():
        assert len(goals(split, difficulty)) == size
        assert f"| {difficulty} | {split} | {size:,} |" in README


def test_no_product_and_no_family_is_in_two_splits_and_no_goal_in_two_lists() -> None:
    world = SHOP._world
    numbers = {key: goals(*key) for key in SIZES}
    assert len({number for listed in numbers.values() for number in listed}) == sum(SIZES.values())
    products = {
        split: {world.goals[number].asin for (s, _), listed in numbers.items() if s == split for number in listed}
        for split in ("train", "test")
    }
    assert not products["train"] & products["test"]
    families = {item.record["asin"]: item.family for item in items(PRODUCTS)}
    assert not {families[asin] for asin in products["train"]} & {families[asin] for asin in products["test"]}


def test_difficulty_is_what_the_readme_declares() -> None:
    world = SHOP._world
    assert world.places is not None
    for split, difficulty in SIZES:
        for number in goals(split, difficulty):
            goal, place = world.goals[number], world.places[number]
            if difficulty == "easy":
                assert goal.constraints <= EASY and place == 1
            else:
                assert goal.constraints >= HARD and place in (1, 2)


@pytest.mark.parametrize("difficulty", ["easy", "hard"])
def test_the_expert_buys_the_right_thing_in_every_eighth_task(difficulty: str) -> None:
    for split in ("train", "test"):
        tasks = SHOP.tasks(split, difficulty)[::8]  # type: ignore[arg-type]
        turns = Counter(len(actions) for actions, success in (played(SHOP, task) for task in tasks) if success)
        assert turns.total() == len(tasks)
        assert max(turns) <= (4 if difficulty == "easy" else 7) < SHOP.max_turns


@pytest.mark.parametrize("options", [{"profile": "original"}, {"profile": "agentgym", "products": 1000}], ids=str)
def test_the_expert_succeeds_under_the_originals_rules_too(options: dict[str, object]) -> None:
    shop = WebShop(**options)
    for split in ("train", "test"):
        for difficulty in ("easy", "hard"):
            for task in shop.tasks(split, difficulty)[:40]:  # type: ignore[arg-type]
                assert played(shop, task)[1], task.id


def test_expected_turns_are_the_experts_and_a_shorter_limit_leaves_out_what_takes_longer() -> None:
    for task in (*SHOP.tasks("train", "easy")[:60], *SHOP.tasks("train", "hard")[:60]):
        page = SHOP._world.places[int(str(task.data["goal"]))]  # type: ignore[index]
        assert len(played(SHOP, task)[0]) == page + 2 + len(SHOP.start(task).goal.options)
    short = WebShop(max_turns=5)
    assert 0 < len(goals("train", "hard", short)) < SIZES["train", "hard"]
    assert all(played(short, task)[1] for task in short.tasks("train", "hard")[:40])


def test_chance_seldom_succeeds() -> None:
    won = Counter[str]()
    for difficulty in ("easy", "hard"):
        for task in SHOP.tasks("test", difficulty)[:300]:
            episode, rng = SHOP.start(task), random.Random(task.seed)
            for _ in range(SHOP.max_turns):
                step = episode.step(episode.random_action(rng))
                if step.terminated:
                    won[difficulty] += step.success
                    break
    assert won["easy"] < 30 and won["hard"] < 3


PROBE = """
import hashlib
from rftcore.schemas.task import manifest
from rftcore_webshop.environment import WebShop
for options in ({}, {"profile": "agentgym", "products": 500}):
    shop, found = WebShop(**options), hashlib.sha256()
    for split in ("train", "test"):
        for difficulty in shop.difficulties:
            tasks = shop.tasks(split, difficulty)
            found.update(manifest(tasks).encode())
            for task in tasks[::20]:
                found.update(shop.start(task).observation.encode())
            for task in tasks[:10]:
                episode = shop.start(task)
                for action in shop.oracle(task):
                    found.update(f"{action}{episode.step(action)}".encode())
    print(found.hexdigest())
"""


def test_tasks_and_observations_are_the_same_in_every_process_whatever_the_hash_seed() -> None:
    found = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=True, timeout=300
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert len(set(found.pop().split())) == 2


def test_the_vocabulary_covers_what_is_said_and_done() -> None:
    for options in ({}, {"observation": "text_rich", "action_list": "every"}, {"profile": "original"}):
        shop = WebShop(**options)
        known = distinct_words(shop.vocabulary())
        for task in (*shop.tasks("train", "hard")[:60], *shop.tasks("test", "easy")[:60]):
            episode, rng = shop.start(task), random.Random(task.seed)
            texts = [episode.observation]
            for _ in range(6):
                action = episode.expert_action() if rng.random() < 0.5 else None
                action = action or episode.random_action(rng)
                texts += [action, episode.step(action).observation]
            assert distinct_words(texts) <= known, sorted(distinct_words(texts) - known)[:10]


def test_the_facts_are_complete_and_the_vocabulary_is_small() -> None:
    facts = SHOP.facts()
    assert {
        *(
            "lists_actions",
            "action_list",
            "feedback",
            "deterministic",
            "thread_safe",
            "profile",
            "data_source",
            "license",
        ),
        *("expert_turns_easy", "expert_turns_hard", "vocabulary_words"),
    } <= facts.keys()
    assert facts["vocabulary_words"] == len(distinct_words(SHOP.vocabulary())) < 1500
    assert f"{facts['expert_turns_easy']} and {facts['expert_turns_hard']}" in README
    assert WebShop(action_list="every").facts()["lists_actions"] is True


def test_unknown_options_difficulties_and_tasks_are_refused() -> None:
    with pytest.raises(ValidationError):
        WebShop(catalogue="large")
    with pytest.raises(ConfigError, match="found difficulty 'medium', expected one of: easy, hard"):
        SHOP.tasks("train", "medium")
    task = SHOP.tasks("train", "easy")[0]
    for goal in (-1, 10_000, "x", None):
        with pytest.raises(ConfigError, match=r"has the goal .*, expected 0 to 9999"):
            SHOP.start(task.model_copy(update={"data": {"goal": goal}}))


def test_the_task_of_a_goal_is_the_listed_one() -> None:
    task = SHOP.tasks("test", "hard")[3]
    assert SHOP.task(int(str(task.data["goal"]))) == task


def test_every_option_is_in_the_readme() -> None:
    for name in WebShop.Config.model_fields:
        assert f"| `{name}` |" in README, name
