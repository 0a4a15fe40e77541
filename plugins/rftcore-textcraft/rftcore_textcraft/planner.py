"""Shortest plans over a set of recipes, from any inventory.

A plan fetches every raw item once (all its pieces in one `get`) and then crafts, one action for each run of a recipe.
The search deepens one action at a time, so the first plan found is a shortest one of this form; one run's choice of a
group's member holds for all runs of that recipe in a row. Plans are bounded by `limit` actions: longer ones are not
tasks, and looking for them would be slow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product as combinations

from rftcore_textcraft.recipes import Recipe, RecipeBook, command

Inputs = tuple[tuple[str, int], ...]
Craft = tuple[Recipe, Inputs, int]
"""A recipe, its ingredients with each group replaced by the member used, and the runs in a row."""

Needs = tuple[str, int, "Craft | None", "Needs"] | None
"""A list of items with the pieces needed, or, where a craft is given, the pieces that it adds to the stock."""


class Plan:
    """What to fetch and what to craft after that."""

    def __init__(self, gets: Mapping[str, int], crafts: Iterable[Craft]) -> None:
        self.gets = dict(gets)
        self.crafts = tuple(crafts)

    @property
    def actions(self) -> tuple[str, ...]:
        """The plan as actions, in order."""
        gets = [f"get {pieces} {name}" for name, pieces in self.gets.items()]
        crafts = [
            command(recipe.product, recipe.count, inputs) for recipe, inputs, runs in self.crafts for _ in range(runs)
        ]
        return (*gets, *crafts)


class Planner:
    """Plans with `recipes` only, a part of `book`; what the book crafts otherwise cannot be had."""

    def __init__(self, book: RecipeBook, recipes: Iterable[Recipe]) -> None:
        self._book = book
        self._recipes: dict[str, list[Recipe]] = {}
        self._members: dict[str, list[str]] = {}
        for recipe in recipes:
            self._recipes.setdefault(recipe.product, []).append(recipe)
        for item in self._recipes:
            group = book.group_of.get(item)
            if group is not None:
                self._members.setdefault(group, []).append(item)

    def plan(self, goal: str, stock: Mapping[str, int], limit: int) -> Plan | None:
        """Return a shortest plan that crafts `goal` with `stock` in hand, None when over `limit` actions."""
        for budget in range(1, limit + 1):
            found = self._search((goal, 1, None, None), dict(stock), {}, (), budget)
            if found is not None:
                return found
        return None

    def _search(
        self, needs: Needs, stock: dict[str, int], gets: dict[str, int], crafts: tuple[Craft, ...], budget: int
    ) -> Plan | None:
        """Meet `needs` from the first on; each branch owns its `stock` and `gets`."""
        while needs is not None:
            item, count, craft, needs = needs
            have = stock.get(item, 0)
            if craft is not None:
                stock[item] = have + count
                crafts = (*crafts, craft)
            elif have >= count:
                stock[item] = have - count
            elif item in self._recipes:
                return self._branch(item, count, needs, stock, gets, crafts, budget)
            elif not self._book.raw(item):
                return None
            else:
                if item not in gets:
                    if not budget:
                        return None
                    budget -= 1
                gets[item] = gets.get(item, 0) + count - have
                stock[item] = 0
        return Plan(gets, crafts)

    def _branch(
        self,
        item: str,
        count: int,
        needs: Needs,
        stock: dict[str, int],
        gets: dict[str, int],
        crafts: tuple[Craft, ...],
        budget: int,
    ) -> Plan | None:
        """Try each way to craft the missing pieces of `item`, then meet the rest of `needs`."""
        for recipe in self._recipes[item]:
            runs = -(-(count - stock.get(item, 0)) // recipe.count)
            if runs > budget:
                continue
            for inputs in self._choices(recipe, stock):
                rest: Needs = (item, runs * recipe.count, (recipe, inputs, runs), (item, count, None, needs))
                for name, pieces in reversed(inputs):
                    rest = (name, pieces * runs, None, rest)
                found = self._search(rest, dict(stock), dict(gets), crafts, budget - runs)
                if found is not None:
                    return found
        return None

    def _choices(self, recipe: Recipe, stock: Mapping[str, int]) -> Iterator[Inputs]:
        """Yield the recipe's ingredients with every group replaced by each member that can be had."""
        groups = self._book.groups
        names = []
        for name, _ in recipe.inputs:
            if name in groups:
                held = [item for item, pieces in stock.items() if pieces and self._book.group_of.get(item) == name]
                names.append(list(dict.fromkeys([*held, *self._members.get(name, ())])))
            else:
                names.append([name])
        for chosen in combinations(*names):
            yield tuple((item, pieces) for item, (_, pieces) in zip(chosen, recipe.inputs, strict=True))
