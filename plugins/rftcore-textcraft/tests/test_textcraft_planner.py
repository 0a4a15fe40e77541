from __future__ import annotations

from rftcore_textcraft.planner import Planner
from rftcore_textcraft.recipes import Recipe, RecipeBook

PLANKS = {"oak planks": "planks", "birch planks": "planks"}
LINES = (
    "craft 4 oak planks using 1 oak logs",
    "craft 4 birch planks using 1 birch logs",
    "craft 4 stick using 2 planks",
    "craft 3 oak sign using 6 oak planks, 1 stick",
)


def planner(*lines: str) -> Planner:
    recipes = [Recipe.from_line(line) for line in lines]
    return Planner(RecipeBook.from_recipes(recipes, PLANKS), recipes)


def actions(found: object) -> list[str]:
    assert found is not None
    return list(found.actions)  # type: ignore[attr-defined]


def test_gets_are_added_up_and_come_first() -> None:
    assert actions(planner(*LINES).plan("oak sign", {}, 6)) == [
        "get 2 oak logs",
        "craft 4 oak planks using 1 oak logs",
        "craft 4 oak planks using 1 oak logs",
        "craft 4 stick using 2 oak planks",
        "craft 3 oak sign using 6 oak planks, 1 stick",
    ]


def test_what_is_held_is_used() -> None:
    assert actions(planner(*LINES).plan("oak sign", {"oak planks": 7, "birch planks": 3}, 6)) == [
        "craft 4 stick using 2 birch planks",
        "craft 3 oak sign using 6 oak planks, 1 stick",
    ]
    assert actions(planner(*LINES).plan("oak sign", {"oak planks": 6, "stick": 1}, 6)) == [
        "craft 3 oak sign using 6 oak planks, 1 stick"
    ]


def test_only_the_missing_pieces_are_fetched() -> None:
    assert actions(planner("craft 1 book using 3 paper, 1 leather").plan("book", {"paper": 2}, 6)) == [
        "get 1 paper",
        "get 1 leather",
        "craft 1 book using 3 paper, 1 leather",
    ]


def test_the_shorter_of_two_recipes_is_taken() -> None:
    lines = ("craft 1 lamp using 1 rod", "craft 1 lamp using 2 glass", "craft 1 rod using 1 ore")
    assert actions(planner(*lines).plan("lamp", {}, 6)) == ["get 2 glass", "craft 1 lamp using 2 glass"]


def test_a_plan_over_the_limit_is_none() -> None:
    assert planner(*LINES).plan("oak sign", {}, 4) is None


def test_what_the_book_crafts_but_the_list_lacks_cannot_be_had() -> None:
    recipes = [Recipe.from_line(line) for line in LINES]
    book = RecipeBook.from_recipes(recipes, PLANKS)
    assert Planner(book, recipes[2:]).plan("oak sign", {}, 6) is None
    assert Planner(book, recipes[2:]).plan("oak sign", {"oak planks": 8}, 6) is not None
