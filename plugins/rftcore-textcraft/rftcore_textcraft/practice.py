"""Invented tasks that teach the skill instead of the recipes.

A practice task has the rules, the words and the plan lengths of the real ones, but its own small recipe book: names
are those of real items or two of them crossed, trees and counts are random. No line repeats a real recipe (same product
from the same ingredients), so a goal held out for the test stays unseen.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from rftcore_textcraft.recipes import Recipe, RecipeBook

_TOTALS = {"easy": ((2, 3), (2, 1)), "hard": ((4, 5, 6), (3, 2, 1))}
_GETS = {
    2: ((1,), (1,)),
    3: ((1, 2), (2, 1)),
    4: ((1, 2, 3), (6, 5, 1)),
    5: ((1, 2, 3), (3, 4, 2)),
    6: ((1, 2, 3), (2, 3, 2)),
}
"""Plan lengths and numbers of fetched items with their weights: about what the real goals have."""
_NEEDED = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9)
_MADE = (1, 1, 1, 1, 1, 2, 2, 3, 4, 4, 4, 6)


class Practice:
    """Draws recipe books from the vocabulary of a real one."""

    def __init__(self, book: RecipeBook) -> None:
        used = {name for recipes in book.recipes.values() for recipe in recipes for name, _ in recipe.inputs}
        self._grouped = {
            group: [item for item in book.recipes if book.group_of.get(item) == group]
            for group in sorted(used & book.groups)
        }
        members = {item for items in self._grouped.values() for item in items}
        self._names = sorted(book.items - book.groups - members)
        words = [name.split(" ", 1) for name in self._names if " " in name]
        self._heads = [head for head, _ in words]
        self._tails = [tail for _, tail in words]
        self._avoided = book.groups | members
        self._real = {_key(recipe) for recipes in book.recipes.values() for recipe in recipes}

    def draw(self, rng: random.Random, difficulty: str, distractors: int) -> tuple[str, list[str]]:
        """Return a goal and crafting commands in random order; a shortest plan has the difficulty's length."""
        totals, weights = _TOTALS[difficulty]
        total = rng.choices(totals, weights)[0]
        while True:
            gets = rng.choices(*_GETS[total])[0]
            recipes = self._tree(rng, total - gets, gets)
            if recipes is not None and not any(_key(recipe) in self._real for recipe in recipes):
                break
        recipes += self._others(rng, recipes, distractors)
        goal = recipes[0].product
        rng.shuffle(recipes)
        return goal, [recipe.line for recipe in recipes]

    def _tree(self, rng: random.Random, crafts: int, gets: int) -> list[Recipe] | None:
        """Draw recipes, the goal's first, that take `gets` raw items and `crafts` runs; None when the draw fails."""
        size = rng.randint(1 if crafts == 1 else 2, crafts)
        products, shown = self._products(rng, size)
        raw = self._fresh(rng, gets, products)
        inputs: list[dict[str, int]] = [{} for _ in range(size)]
        for child in range(1, size):
            parents = {rng.randrange(child)}
            if rng.random() < 0.25:
                parents.add(rng.randrange(child))
            for parent in parents:
                inputs[parent][shown[child]] = rng.choice(_NEEDED)
        for number, name in enumerate(raw):
            inputs[(size - 1 - number) % size if number < size else rng.randrange(size)][name] = rng.choice(_NEEDED)
        for needs in inputs:
            if not needs:
                needs[rng.choice(raw)] = rng.choice(_NEEDED)
        made = [rng.choice(_MADE) for _ in range(size)]
        runs = [1] + [0] * (size - 1)
        for child in range(1, size):
            needed = sum(runs[parent] * inputs[parent].get(shown[child], 0) for parent in range(child))
            runs[child] = -(-needed // made[child])
        if sum(runs) != crafts:
            return None
        return [Recipe(products[i], made[i], _shuffled(rng, inputs[i].items())) for i in range(size)]

    def _products(self, rng: random.Random, size: int) -> tuple[list[str], list[str]]:
        """Return the names of the products, and how recipes ask for them: by name, or by group for a member of one."""
        products = self._fresh(rng, size, ())
        shown = list(products)
        if size > 1 and rng.random() < 0.4:
            place = rng.randrange(1, size)
            group = rng.choice(list(self._grouped))
            products[place] = rng.choice(self._grouped[group])
            shown[place] = group if rng.random() < 0.5 else products[place]
        return products, shown

    def _others(self, rng: random.Random, tree: list[Recipe], count: int) -> list[Recipe]:
        """Draw recipes that share an ingredient with the tree and help nothing."""
        asked = list(dict.fromkeys(name for recipe in tree for name, _ in recipe.inputs))
        taken = [*asked, *(recipe.product for recipe in tree)]
        others: list[Recipe] = []
        while len(others) < count:
            product, *more = self._fresh(rng, rng.choice((1, 2, 2, 3)), taken)
            inputs = {name: rng.choice(_NEEDED) for name in (rng.choice(asked), *more)}
            recipe = Recipe(product, rng.choice(_MADE), _shuffled(rng, inputs.items()))
            if _key(recipe) not in self._real:
                taken += [product, *more]
                others.append(recipe)
        return others

    def _fresh(self, rng: random.Random, count: int, taken: Iterable[str]) -> list[str]:
        """Draw `count` different names that are not taken."""
        names: list[str] = []
        known = set(taken)
        while len(names) < count:
            name = (
                rng.choice(self._names)
                if rng.random() < 0.5
                else f"{rng.choice(self._heads)} {rng.choice(self._tails)}"
            )
            if name not in known and name not in self._avoided:
                known.add(name)
                names.append(name)
        return names


def _key(recipe: Recipe) -> tuple[str, frozenset[str]]:
    return recipe.product, frozenset(name for name, _ in recipe.inputs)


def _shuffled(rng: random.Random, inputs: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    pairs = list(inputs)
    rng.shuffle(pairs)
    return tuple(pairs)
