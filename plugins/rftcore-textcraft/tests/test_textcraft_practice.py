from __future__ import annotations

import random
import time

import pytest

from rftcore.schemas.task import Task
from rftcore_textcraft.environment import TextCraft
from rftcore_textcraft.recipes import Recipe
from rftcore_textcraft.tasks import all_recipes

PLANS = {"easy": (2, 3), "hard": (4, 6)}


def drawn(difficulty: str, count: int, seed: int = 0) -> list[Task]:
    rng = random.Random(seed)
    environment = TextCraft()
    return [environment.practice_task(rng, difficulty) for _ in range(count)]


@pytest.mark.parametrize("difficulty", ["easy", "hard"])
def test_the_expert_wins_within_the_length_of_the_difficulty(difficulty: str) -> None:
    environment = TextCraft()
    shortest, longest = PLANS[difficulty]
    for task in drawn(difficulty, 400):
        actions = list(environment.oracle(task))
        episode = environment.start(task)
        steps = [episode.step(action) for action in actions]
        assert shortest <= len(actions) <= longest, task
        assert all(step.valid for step in steps)
        assert steps[-1].success


@pytest.mark.parametrize("difficulty", ["easy", "hard"])
def test_no_line_has_the_product_and_the_ingredients_of_a_real_recipe(difficulty: str) -> None:
    real = {(recipe.product, frozenset(dict(recipe.inputs))) for recipe in all_recipes()}
    for task in drawn(difficulty, 400):
        lines = task.data["commands"]
        assert isinstance(lines, list)
        recipes = [Recipe.from_line(str(line)) for line in lines]
        assert not real & {(recipe.product, frozenset(dict(recipe.inputs))) for recipe in recipes}
        assert len({recipe.product for recipe in recipes}) == len(recipes)


def test_words_are_real_and_groups_occur() -> None:
    environment = TextCraft()
    known = {word for text in environment.vocabulary() for word in text.split()}
    observations = [environment.start(task).observation for task in drawn("hard", 200)]
    words = {word.strip(",.") for text in observations for line in text.splitlines()[1:-2] for word in line.split()}
    assert words <= known
    grouped = sum(" planks" in text and " planks\n" in text for text in observations)
    assert grouped > 10


def test_the_same_seed_draws_the_same_tasks() -> None:
    assert drawn("hard", 20, seed=3) == drawn("hard", 20, seed=3)
    assert drawn("hard", 20, seed=3) != drawn("hard", 20, seed=4)
    assert len({task.id for task in drawn("easy", 300)}) == 300


def test_a_task_survives_json() -> None:
    environment = TextCraft()
    (task,) = drawn("hard", 1)
    again = Task.model_validate_json(task.model_dump_json())
    assert environment.start(again).observation == environment.start(task).observation
    assert task.id.startswith("textcraft/hard/train/practice/")


def test_a_task_costs_less_than_a_millisecond() -> None:
    drawn("hard", 1)
    begin = time.process_time()
    drawn("hard", 300)
    assert (time.process_time() - begin) / 300 < 0.001
