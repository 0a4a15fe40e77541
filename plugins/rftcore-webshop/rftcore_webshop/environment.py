"""WebShop: find and buy the product that an instruction describes.

An environment holds its options only; shops, indexes and goals are made once per process and shared.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from rftcore.environment import ActionList, Environment, distinct_words
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore_webshop.episode import Shopping
from rftcore_webshop.generator import PRODUCTS
from rftcore_webshop.lists import Part
from rftcore_webshop.nouns import tagger
from rftcore_webshop.official import MOST_IN_MEMORY
from rftcore_webshop.original import OriginalShopping
from rftcore_webshop.recordings import Comparison, replay
from rftcore_webshop.vocabulary import vocabulary
from rftcore_webshop.world import GoalKind, Profile, World, from_folder, generated

FOLDER = "RFTCORE_WEBSHOP_DATA"
"""The environment variable that names the folder of official files where the option `data` does not."""


class WebShop(Environment):
    """A web shop in text: search, look at results and products, choose options, buy. Success is a reward of 1."""

    class Config(Frozen):
        """Options of WebShop."""

        profile: Profile = "fixed"
        """`original`: the published program with its defects. `agentgym`: AgentGym's version of it."""
        action_list: ActionList = "never"
        """Which observations list what can be done."""
        max_turns: int = Field(default=10, ge=1)
        """Turns after which the rollout truncates; 10 in AgentGym. Tasks that take the expert longer are left out."""
        observation: Literal["text", "text_rich"] = "text"
        """One line with separators, or lines with marked buttons."""
        goals: GoalKind | None = None
        """Human instructions or synthetic ones; by default synthetic under `agentgym`, human otherwise."""
        products: int | None = Field(default=None, ge=1, le=MOST_IN_MEMORY)
        """The first so many products; by default all of the folder, or 10,000 generated ones."""
        data: str | None = None
        """Folder with the official files or a store made of them; by default `RFTCORE_WEBSHOP_DATA`, or generated."""
        nouns: str = "heuristic"
        """What finds the nouns in names of products: `heuristic`, or `spacy:MODEL`."""
        test_part: Part = "test"
        """Which of the maintainers' held-out parts is the split `test`, where goals are split as they do."""

    name = "webshop"
    fidelity_profile: ClassVar[str] = "original"
    """The profile that `replay` is meant for."""
    action_templates = ("search[{words}]", "click[{label}]")
    instructions = (
        "Buy what the instruction asks for, with the right options and within the price. Answer with one action:\n"
        "search[WORDS] finds products; it needs the search page\n"
        "click[LABEL] clicks a button, a product's code, or a value of an option\n"
        "The purchase ends the task: choose the options before click[Buy Now]."
    )

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the tasks of one list. Raises ConfigError when `difficulty` is unknown, or the data is unusable."""
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")
        return _tasks(self._identity, split, difficulty, self.max_turns)

    def task(self, number: int) -> Task:
        """Return the task of goal `number`, listed or not; under `agentgym`, AgentGym's item `webshop_NUMBER`.

        Its split and difficulty are those of the list that has it; one in no list counts as a hard one to train with.
        Raises ConfigError when there is no such goal.
        """
        world = self._world
        if not 0 <= number < len(world.goals):
            raise ConfigError(f"found goal {number}, expected 0 to {len(world.goals) - 1}")
        lists = ((split, level) for (split, level), numbers in world.lists.items() if number in numbers)
        split, difficulty = next(lists, ("train", "hard"))
        return _task(number, split, difficulty)

    def start(self, task: Task) -> Shopping:
        """Begin `task`. Raises ConfigError when its goal is none of this environment's."""
        number = task.data.get("goal")
        world = self._world
        if not isinstance(number, int) or not 0 <= number < len(world.goals):
            raise ConfigError(f"task {task.id!r} has the goal {number!r}, expected 0 to {len(world.goals) - 1}")
        config = self.config
        given = (world.shop, world.goals[number], tagger(config.nouns), config.observation == "text_rich")
        if config.profile == "fixed":
            return Shopping(*given, config.action_list)
        special = random.Random(f"webshop/special/{task.seed}") if config.profile == "original" else None
        return OriginalShopping(*given, config.action_list, special)

    def replay(self, record: Mapping[str, Any], folder: Path) -> Iterator[Comparison]:
        """Compare a recorded episode, search or reward case; `folder` has the catalogue, goals and nouns beside it.

        Raises ConfigError when the record is none of these, or a file is missing.
        """
        return replay(record, folder, self.config.profile == "fixed")

    def vocabulary(self) -> Sequence[str]:
        """Return the words of pages, instructions and actions; of official data, those of its first goals."""
        return vocabulary(self._world, generated=self._folder is None, lower=self.config.profile != "fixed")

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what the transfer report prints about this environment."""
        config = self.config
        facts: dict[str, str | int | float | bool] = {
            "lists_actions": config.action_list != "never",
            "action_list": config.action_list,
            "feedback": "a page every turn, reward at the end",
            "vocabulary_words": len(distinct_words(self.vocabulary())),
            "deterministic": True,
            "thread_safe": True,
            "profile": config.profile,
            "goals": len(self._world.goals),
            "data_source": self._world.source,
            "license": "code Apache-2.0; generated products are invented, official files are their owners'",
        }
        turns = {f"expert_turns_{difficulty}": self._expert_turns(difficulty) for difficulty in self.difficulties}
        return facts | turns

    def _expert_turns(self, difficulty: str) -> float:
        """Return the mean over the train tasks; where places are not measured, over a hundred of them, played."""
        tasks = self.tasks("train", difficulty)
        if self._world.places is None:
            turns = [sum(1 for _ in self.oracle(task)) for task in tasks[:: max(1, len(tasks) // 100)]]
        else:
            turns = [_turns(self._world, int(str(task.data["goal"]))) for task in tasks]
        return round(sum(turns) / max(1, len(turns)), 2)

    @property
    def _folder(self) -> Path | None:
        named = self.config.data or os.environ.get(FOLDER)
        return Path(named) if named else None

    @property
    def _identity(self) -> _Identity:
        config = self.config
        kind: GoalKind = config.goals or ("synthetic" if config.profile == "agentgym" else "human")
        return _Identity(self._folder, config.products, config.profile, kind, config.test_part)

    @property
    def _world(self) -> World:
        return _world(self._identity)


class _Identity(NamedTuple):
    """What decides on the world."""

    folder: Path | None
    products: int | None
    profile: Profile
    kind: GoalKind
    part: Part


def _world(identity: _Identity) -> World:
    folder, count, profile, kind, part = identity
    if folder is None:
        return generated(count or PRODUCTS, profile, kind, part)
    return from_folder(folder, count, profile, kind, part)


@cache
def _tasks(identity: _Identity, split: Split, difficulty: str, longest: int) -> tuple[Task, ...]:
    world = _world(identity)
    return tuple(
        _task(number, split, difficulty)
        for number in world.lists.get((split, difficulty), ())
        if world.places is None or _turns(world, number) <= longest
    )


def _task(number: int, split: Split, difficulty: str) -> Task:
    return Task(
        environment=WebShop.name,
        id=f"{WebShop.name}/{difficulty}/{split}/{number}",
        split=split,
        difficulty=difficulty,
        seed=number,
        data={"goal": number},
    )


def _turns(world: World, number: int) -> int:
    """Return how many turns the expert takes: search, pages, product, options, purchase."""
    page = 1 if world.places is None else world.places[number]
    return page + 2 + len(world.goals[number].options)
