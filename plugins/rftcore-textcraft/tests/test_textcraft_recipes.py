from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import Any

import pytest

from rftcore_textcraft.recipes import Recipe, RecipeBook, matching, minecraft, read_files, readable
from rftcore_textcraft.tasks import all_recipes

BOOK_DIGEST = "d24904878725"

PROBE = """
import hashlib, pathlib, sys
if sys.argv[1] == "reversed":
    listed = pathlib.Path.glob
    pathlib.Path.glob = lambda self, pattern: reversed(sorted(listed(self, pattern)))
from rftcore.schemas.task import manifest
from rftcore_textcraft.environment import TextCraft
environment = TextCraft()
texts = []
for difficulty in environment.difficulties:
    for split in ("train", "test"):
        tasks = environment.tasks(split, difficulty)
        texts.append(manifest(tasks))
        texts += [environment.start(task).observation for task in tasks[::40]]
        texts += [action for task in tasks[::100] for action in environment.oracle(task)]
loaded = [name for name in ("textcraft", "gymnasium", "numpy", "torch") if name in sys.modules]
print(hashlib.sha256("|".join(texts).encode()).hexdigest(), loaded)
"""


def shaped(result: str, key: dict[str, Any], pattern: list[str], **more: object) -> dict[str, Any]:
    return {
        "type": "minecraft:crafting_shaped",
        "pattern": pattern,
        "key": key,
        "result": {"item": f"minecraft:{result}", **({"count": more.pop("count")} if "count" in more else {})},
        **more,
    }


def item(name: str) -> dict[str, str]:
    return {"item": f"minecraft:{name}"}


def test_the_real_book_has_the_published_size() -> None:
    book = minecraft()
    assert len(book.recipes) == 544
    assert len(all_recipes()) == 613
    assert {name for recipe in all_recipes() for name, _ in recipe.inputs} & book.groups == {"planks", "wool"}


def test_the_real_book_is_pinned_line_by_line() -> None:
    lines = "\n".join(recipe.line for recipe in all_recipes())
    assert hashlib.sha256(lines.encode()).hexdigest().startswith(BOOK_DIGEST)


def test_neither_hash_seed_nor_listing_order_changes_tasks_prompts_or_plans() -> None:
    answers = set()
    for hash_seed, order in (("0", "listed"), ("1", "reversed"), ("2", "listed")):
        variables = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", PROBE, order], env=variables, capture_output=True, text=True, check=True
        )
        answers.add(done.stdout)
        assert done.stderr == ""
    assert len(answers) == 1, answers
    assert answers.pop().endswith(" []\n"), "the package's own code, or something heavy, was imported"


def test_a_line_reads_back_as_its_recipe() -> None:
    for recipe in all_recipes():
        assert Recipe.from_line(recipe.line) == recipe
    assert Recipe.from_line("craft 4 stick using 2 planks") == Recipe("stick", 4, (("planks", 2),))


@pytest.mark.parametrize("line", ["", "craft 4 stick", "craft stick using 2 planks", "craft 4 stick using planks"])
def test_a_line_that_is_no_command_is_named_in_the_error(line: str) -> None:
    with pytest.raises(ValueError, match="is not a crafting command"):
        Recipe.from_line(line)


def test_shaped_cells_are_counted_and_the_first_alternative_is_taken() -> None:
    key = {"X": [item("coal"), item("charcoal")], "#": item("stick")}
    book = read_files([shaped("torch", key, ["X", "#"], count=4)])
    assert [recipe.line for recipe in book.recipes["torch"]] == ["craft 4 torch using 1 coal, 1 stick"]
    assert book.raw("coal")
    assert not book.raw("charcoal")
    assert not book.raw("torch")


def test_repeated_ingredients_of_a_shapeless_recipe_are_added_up() -> None:
    file: dict[str, Any] = {
        "type": "minecraft:crafting_shapeless",
        "ingredients": [item("gunpowder"), item("paper"), item("gunpowder")],
        "result": item("firework"),
    }
    assert read_files([file]).recipes["firework"] == (Recipe("firework", 1, (("gunpowder", 2), ("paper", 1))),)


def test_other_kinds_of_recipes_and_storage_blocks_are_left_out() -> None:
    smelting = {"type": "minecraft:smelting", "ingredient": item("sand"), "result": "minecraft:glass"}
    block = shaped("iron_ingot", {"#": item("iron_block")}, ["#"], count=9)
    book = read_files([smelting, block])
    assert book.recipes == {}
    assert book.raw("iron ingot")


def test_a_recipe_that_would_close_a_cycle_is_left_out() -> None:
    to_nugget = shaped("nugget", {"#": item("ingot")}, ["#"], count=9)
    to_ingot = shaped("ingot", {"#": item("nugget")}, ["###", "###", "###"])
    assert set(read_files([to_nugget, to_ingot]).recipes) == {"nugget"}
    assert set(read_files([to_ingot, to_nugget]).recipes) == {"ingot"}


def test_a_group_is_served_by_its_craftable_members_and_is_no_item() -> None:
    planks = shaped("oak_planks", {"#": {"tag": "minecraft:oak_logs"}}, ["#"], count=4, group="planks")
    stick = shaped("stick", {"#": {"tag": "minecraft:planks"}}, ["#", "#"], count=4)
    book = read_files([planks, stick])
    assert book.groups == {"planks"}
    assert book.accepts("planks", "oak planks")
    assert not book.accepts("planks", "planks")
    assert not book.accepts("oak planks", "planks")
    assert not book.raw("planks")
    assert book.raw("oak logs"), "a group without craftable members is fetched like an item"


def test_a_match_is_one_exact_run_in_any_order() -> None:
    recipe = Recipe("chest boat", 1, (("planks", 4), ("string", 2)))
    book = RecipeBook.from_recipes([recipe], {"oak planks": "planks", "birch planks": "planks"})
    assert matching(book, [recipe], [("string", 2), ("oak planks", 4)]) is recipe
    assert matching(book, [recipe], [("oak planks", 2), ("birch planks", 2), ("string", 2)]) is None
    assert matching(book, [recipe], [("oak planks", 8), ("string", 4)]) is None
    assert matching(book, [recipe], [("oak planks", 4)]) is None
    assert matching(book, [recipe], [("oak planks", 4), ("string", 2), ("dirt", 1)]) is None


def test_identifiers_become_readable() -> None:
    assert readable("minecraft:oak_planks") == "oak planks"
