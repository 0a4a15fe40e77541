"""One run of one crafting task."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product

from rftcore.environment import ActionList, Episode, Step, with_actions
from rftcore_textcraft.commands import Inventory
from rftcore_textcraft.planner import Planner
from rftcore_textcraft.recipes import Recipe, command
from rftcore_textcraft.rules import Rules

LONGEST_PLAN = 6
"""Actions of the longest plan that the expert looks for; every task is within it from any inventory."""
_INVENTORY, _CRAFT = 0.1, 0.45
"""Shares of a random player's actions; the rest fetch something."""


class Crafting(Episode):
    """Craft `goal`, knowing the `listed` recipes. Reward 1 and the end when it is crafted; the end is final."""

    def __init__(
        self, rules: Rules, goal: str, listed: Sequence[Recipe], action_list: ActionList = "never"
    ) -> None:
        self._rules = rules
        self._goal = goal
        self._listed = listed
        self._action_list = action_list
        self._inventory: Inventory = {}
        self._planner: Planner | None = None
        self._plan: tuple[str, ...] = ()
        self._end: Step | None = None
        lines = "\n".join([recipe.line for recipe in listed])
        self.observation = f"Crafting commands:\n{lines}\n\nGoal: craft {goal}."
        if action_list != "never":
            self.observation = with_actions(self.observation, self.available_actions())

    def step(self, action: str) -> Step:
        if self._end is not None:
            return self._end
        done = self._rules.read(action)
        step = done.apply(self._inventory)
        if self._action_list == "every":
            step = replace(step, observation=with_actions(step.observation, self.available_actions()))
        if step.valid:
            if done.product == self._goal:
                step = self._end = Step(step.observation, 1.0, terminated=True, success=True)
            if self._plan:
                self._plan = self._plan[1:] if action == self._plan[0] else ()
        self.observation = step.observation
        return step

    def available_actions(self) -> tuple[str, ...]:
        """Return `inventory`, the listed crafts and the fetching of their ingredients, whether or not they succeed now.

        A group in a listed recipe is replaced by each of its listed members. Fetches of other raw items and other
        counts are understood too.
        """
        return self._available

    @cached_property
    def _available(self) -> tuple[str, ...]:
        crafts, gets = [], []
        for recipe in self._listed:
            choices = [[(member, count) for member in self._members(name) or [name]] for name, count in recipe.inputs]
            crafts += [command(recipe.product, recipe.count, inputs) for inputs in product(*choices)]
            gets += [f"get {count} {name}" for inputs in choices for name, count in inputs]
        return tuple(dict.fromkeys(("inventory", *crafts, *gets)))

    def random_action(self, rng: random.Random) -> str:
        """Return one of the available actions: the kind first, so that few crafts get the weight of many gets."""
        kind = rng.random()
        if kind < _INVENTORY or not self._listed:
            return "inventory"
        recipe = rng.choice(self._listed)
        inputs = tuple((self._member(name, rng), count) for name, count in recipe.inputs)
        if kind < _INVENTORY + _CRAFT:
            return command(recipe.product, recipe.count, inputs)
        name, count = rng.choice(inputs)
        return f"get {count} {name}"

    def expert_action(self) -> str | None:
        """Return the first action of a shortest plan from the present inventory over the listed recipes.

        None when the goal is crafted, or is further than `LONGEST_PLAN` actions away.
        """
        if self._end is not None:
            return None
        if not self._plan:
            if self._planner is None:
                self._planner = Planner(self._rules.book, self._listed)
            plan = self._planner.plan(self._goal, self._inventory, LONGEST_PLAN)
            if plan is None:
                return None
            self._plan = plan.actions
        return self._plan[0]

    def _member(self, name: str, rng: random.Random) -> str:
        members = self._members(name)
        return rng.choice(members) if members else name

    def _members(self, name: str) -> list[str]:
        """Return the listed products that belong to the group `name`; none when it is an item."""
        book = self._rules.book
        if name not in book.groups:
            return []
        return [recipe.product for recipe in self._listed if book.group_of.get(recipe.product) == name]
