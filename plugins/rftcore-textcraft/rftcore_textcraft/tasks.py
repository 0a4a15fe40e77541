"""Which goals are tasks, in which split and difficulty, and which recipes a task lists.

A task names a goal and a variant; the variant's seed draws which of equally short plans is listed, which other recipes
stand beside it, and the order. Goals are split, not variants: a goal of the test split is never the goal of a train
task, and the variants of a goal are one family. A goal whose shortest plan is longer than the longest difficulty allows
is no task at all.
"""

from __future__ import annotations

import hashlib
import random
from functools import cache

from rftcore.schemas.task import Split, Task
from rftcore_textcraft.episode import LONGEST_PLAN
from rftcore_textcraft.planner import Planner
from rftcore_textcraft.recipes import Recipe, minecraft

VARIANTS = 20
"""Tasks of each goal."""
ORDERS = 20
"""Orders of the recipes in which plans are looked for; equally short plans, such as oak and birch ones, take turns."""
_EASY_PLAN = 3


@cache
def goals() -> dict[str, int]:
    """Return every goal with the length of its shortest plan, where that is at most `LONGEST_PLAN` actions."""
    planner = Planner(minecraft(), all_recipes())
    plans = {goal: planner.plan(goal, {}, LONGEST_PLAN) for goal in minecraft().recipes}
    return {goal: len(plan.actions) for goal, plan in plans.items() if plan is not None}


@cache
def task_list(name: str, split: Split, difficulty: str) -> tuple[Task, ...]:
    """Return `VARIANTS` tasks of each goal, all first variants first; a fifth of the goals is for the test.

    Both the split and the order of the goals come from a hash of the goal's name.
    """
    chosen = [
        goal
        for goal, length in goals().items()
        if (length <= _EASY_PLAN) == (difficulty == "easy") and (_number(goal) % 5 == 0) == (split == "test")
    ]
    chosen.sort(key=_number)
    tasks = []
    for variant in range(VARIANTS):
        for goal in chosen:
            key = f"{name}/{difficulty}/{split}/{goal.replace(' ', '_')}/{variant}"
            tasks.append(
                Task(
                    environment=name,
                    id=key,
                    split=split,
                    difficulty=difficulty,
                    seed=_number(key),
                    data={"goal": goal},
                    family=goal,
                )
            )
    return tuple(tasks)


@cache
def all_recipes() -> tuple[Recipe, ...]:
    """Return every recipe in canonical order."""
    return tuple(recipe for recipes in minecraft().recipes.values() for recipe in recipes)


@cache
def needed(goal: str, order: int) -> tuple[Recipe, ...]:
    """Return the recipes of a shortest plan for one of `goals`; `order` in [0, ORDERS) decides among equals."""
    plan = _planner(order).plan(goal, {}, LONGEST_PLAN)
    return tuple(dict.fromkeys(recipe for recipe, _, _ in plan.crafts)) if plan else ()


@cache
def others(recipes: tuple[Recipe, ...]) -> tuple[Recipe, ...]:
    """Return the recipes that share an ingredient with `recipes` and are none of them."""
    asked = {name for recipe in recipes for name, _ in recipe.inputs}
    known = set(recipes)
    return tuple(r for r in all_recipes() if any(name in asked for name, _ in r.inputs) and r not in known)


@cache
def _planner(order: int) -> Planner:
    recipes = list(all_recipes())
    random.Random(order).shuffle(recipes)
    return Planner(minecraft(), recipes)


def _number(text: str) -> int:
    """Return 48 bits that depend on `text` alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
