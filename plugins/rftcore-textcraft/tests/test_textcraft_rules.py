from __future__ import annotations

import pickle

import pytest

from rftcore_textcraft.recipes import Recipe, RecipeBook
from rftcore_textcraft.rules import Rules

LINES = (
    "craft 4 oak planks using 1 oak logs",
    "craft 4 stick using 2 planks",
    "craft 1 oak sign using 6 oak planks, 1 stick",
)


def rules() -> Rules:
    recipes = [Recipe.from_line(line) for line in LINES]
    return Rules(RecipeBook.from_recipes(recipes, {"oak planks": "planks"}))


def play(*actions: str, inventory: dict[str, int] | None = None) -> list[str]:
    held = {} if inventory is None else inventory
    reader = rules()
    return [reader.read(action).apply(held).observation for action in actions]


def test_a_whole_craft_in_readable_words() -> None:
    held: dict[str, int] = {}
    assert play(
        "inventory",
        "get 2 oak logs",
        "craft 4 oak planks using 1 oak logs",
        "craft 4 stick using 2 oak planks",
        "inventory",
        inventory=held,
    ) == [
        "Inventory: You are not carrying anything.",
        "Got 2 oak logs",
        "Crafted 4 oak planks",
        "Crafted 4 stick",
        "Inventory: [oak logs] (1), [oak planks] (2), [stick] (4)",
    ]
    assert held == {"oak logs": 1, "oak planks": 2, "stick": 4}


def test_an_ingredient_that_is_used_up_leaves_the_inventory() -> None:
    held = {"oak logs": 1}
    play("craft 4 oak planks using 1 oak logs", inventory=held)
    assert held == {"oak planks": 4}


def test_the_stated_number_of_products_does_not_matter() -> None:
    logs = {"oak logs": 2}
    told = play("craft 99 oak planks using 1 oak logs", "craft oak planks using 1 oak logs", inventory=logs)
    assert told == ["Crafted 4 oak planks"] * 2


def test_an_ingredient_named_twice_is_added_up() -> None:
    assert play("craft 1 stick using 1 oak planks, 1 oak planks", inventory={"oak planks": 2}) == ["Crafted 4 stick"]
    assert play("craft 1 stick using 1 oak planks, 1 oak planks", inventory={"oak planks": 1}) == [
        "Could not find enough items to craft stick"
    ]


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("get 1 oak planks", "Could not find oak planks"),
        ("get 1 planks", "Could not find planks"),
        ("get 1 moon cheese", "Could not find moon cheese"),
        ("get 1 minecraft:oak_logs", "Could not find minecraft:oak logs"),
        ("get 0 oak logs", "Could not execute get 0 oak logs"),
        ("get 10000 oak logs", "Could not execute get 10000 oak logs"),
        ("get oak logs", "Could not execute get oak logs"),
        ("get 1 oak logs\nget 1 oak logs", "Could not execute get 1 oak logs?get 1 oak logs"),
        ("inventory please", "Could not execute inventory please"),
        ("Inventory", "Could not execute Inventory"),
        ("", "Could not execute "),
        ("craft 4 oak planks", "Could not execute craft 4 oak planks"),
        ("craft 4 oak planks using oak logs", "Wrong item format: oak logs"),
        ("craft 4 oak planks using 0 oak logs", "Wrong item format: 0 oak logs"),
        ("craft 4 oak planks using 1 oak logs,", "Wrong item format: "),
        ("craft 4 oak planks using 9 oak logs", "Could not find enough items to craft oak planks"),
        ("craft 8 oak planks using 2 oak logs", "Could not find a valid recipe for oak planks"),
        ("craft 4 planks using 1 oak logs", "Could not find a valid recipe for planks"),
        ("craft 4 stick using 2 planks", "Could not find enough items to craft stick"),
    ],
)
def test_a_wrong_action_changes_nothing_and_says_why(action: str, told: str) -> None:
    held = {"oak logs": 2}
    step = rules().read(action).apply(held)
    assert step.observation == told
    assert not step.valid
    assert (step.reward, step.terminated) == (0.0, False)
    assert held == {"oak logs": 2}


def test_surrounding_space_and_underscores_are_forgiven() -> None:
    told = play("  get 1 oak_logs \n", "craft 4 oak_planks using  1 oak_logs")
    assert told == ["Got 1 oak logs", "Crafted 4 oak planks"]


def test_a_long_or_unprintable_action_is_cut_and_not_remembered() -> None:
    reader = rules()
    answer = reader.read("x" * 10_000 + "\0").apply({}).observation
    assert answer == "Could not execute " + "x" * 80 + "..."
    assert reader.read("get\0 1").apply({}).observation == "Could not execute get? 1"
    assert len(reader._read) == 1


def test_a_flood_of_different_actions_does_not_grow_the_memory() -> None:
    reader = rules()
    for number in range(20_000):
        reader.read(f"say {number}")
    assert len(reader._read) <= 8192


def test_a_copy_by_pickle_reads_the_same() -> None:
    reader = rules()
    reader.read("inventory")
    copy = pickle.loads(pickle.dumps(reader))
    assert copy._read == {}
    assert copy.read("get 1 oak logs") == reader.read("get 1 oak logs")
