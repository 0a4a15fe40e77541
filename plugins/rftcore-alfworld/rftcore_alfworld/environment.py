"""ALFWorld as an environment of rftcore: which tasks there are, and how an episode of one begins.

An environment holds its options only. Generated games are built when a task starts; official ones are read then.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, JsonValue

from rftcore.environment import ActionList, Environment, distinct_words
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import SPLITS, Split, Task
from rftcore_alfworld import words
from rftcore_alfworld.catalogue import Entry, Source, entries, mean_turns
from rftcore_alfworld.commands import TEMPLATES, Dialect
from rftcore_alfworld.episode import Expert, Household, Profile
from rftcore_alfworld.game import Game, build
from rftcore_alfworld.generator import TYPES, draft
from rftcore_alfworld.layouts import layouts
from rftcore_alfworld.official import load, root
from rftcore_alfworld.practice import practice
from rftcore_alfworld.replay import replayed

_LISTS: dict[Profile, ActionList] = {"fixed": "never", "original": "never", "agentgym": "first"}
_RULES = (
    "Do the household task. You carry one object at a time. Answer with one command:\n"
    "go to RECEPTACLE, open RECEPTACLE, close RECEPTACLE, take OBJECT from RECEPTACLE, {put} RECEPTACLE, "
    "examine OBJECT or RECEPTACLE, use LAMP, heat OBJECT with MICROWAVE, cool OBJECT with FRIDGE, "
    "clean OBJECT with SINKBASIN, slice OBJECT with KNIFE, inventory, look\n"
    "Names have their number, such as apple 1. What is closed hides what is in it."
)


class ALFWorld(Environment):
    """Rooms with furniture and things: find them, clean, heat or cool them, and put them where they belong."""

    class Config(Frozen):
        """Which games are played, and how."""

        profile: Profile = "fixed"
        """`original`: TextWorld's answers, byte for byte. `agentgym`: what AgentGym makes of them."""
        dialect: Dialect | None = None
        """Commands of ALFWorld up to 0.3 (`put`) or from 0.4 on (`move`); None: 0.3 for `agentgym`, else 0.4."""
        action_list: ActionList | None = None
        """Which observations list the possible commands; None: `first` for `agentgym`, else `never`."""
        max_turns: int = Field(default=30, ge=1)
        """Turns after which the rollout truncates the episode; 30 in AgentGym, 50 in ALFWorld."""
        expert: Expert = "informed"
        """Whether the expert knows where everything is, or explores as an agent has to."""
        data: str = ""
        """Folder of official games; `official`: the folder that ALFWORLD_DATA names; empty: our own games."""
        test_games: Literal["valid_seen", "valid_unseen"] = "valid_unseen"
        """Which official games are the test split: of rooms seen in training, or of other rooms."""
        mappings: str = ""
        """Folder with AgentGym's mappings_train.json and mappings_test.json: its tasks instead of all official ones."""

    name: ClassVar[str] = "alfworld"
    difficulties: ClassVar[tuple[str, ...]] = ("easy", "hard")
    fidelity_profile: ClassVar[str] = "original"
    """The profile that `replay` is meant for."""

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns
        self._dialect: Dialect = self.config.dialect or ("0.3" if self.config.profile == "agentgym" else "0.4")
        self._action_list = self.config.action_list or _LISTS[self.config.profile]
        self.instructions = _RULES.format(put="put OBJECT in/on" if self._dialect == "0.3" else "move OBJECT to")
        self.action_templates = TEMPLATES[self._dialect]
        self._source = _source(self.config)

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the verified generated games, or the official ones, of a difficulty; no game is built for it.

        Left out is what takes the expert more than `max_turns`, where that is known beforehand. Raises ConfigError when
        `difficulty` is unknown.
        """
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")
        return _tasks(self._source, split, difficulty)

    def task(self, number: int) -> Task:
        """Return AgentGym's item `alfworld_NUMBER`, whose meaning the option `mappings` says.

        Raises ConfigError when there is none, or the expert needs more than `max_turns`.
        """
        lists = (self.tasks(split, difficulty) for split in SPLITS for difficulty in self.difficulties)
        found = next((task for tasks in lists for task in tasks if task.id.endswith(f"/agentgym/{number}")), None)
        if found is None:
            raise ConfigError(
                f"found item {number} of {self.name}, expected one that AgentGym's files list, whose folder is the "
                f"option mappings, and that takes the expert at most {self.max_turns} turns"
            )
        return found

    def start(self, task: Task) -> Household:
        """Build the game of `task`. Raises ConfigError when there is no such game."""
        return Household(
            self._game(task),
            profile=self.config.profile,
            dialect=self._dialect,
            action_list=self._action_list,
            expert=self.config.expert,
        )

    def practice_task(self, rng: random.Random, difficulty: str) -> Task:
        """Return a generated game that is in no list, in a layout of the train split; for teaching the skill.

        Raises ConfigError when `difficulty` is unknown.
        """
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")
        game = practice(rng, difficulty, self.max_turns)
        key = f"practice/{game.task_type}/{game.seed:012x}"
        data: dict[str, JsonValue] = {"type": game.task_type, "layout": game.layout}
        return _task(Entry("train", difficulty, key, game.seed, data))

    def replay(self, record: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Any, Any]]:
        """Play all walks of a recorded game; yield where it is, what was recorded, and what happens here.

        The record holds the whole game, so nothing in `folder` is needed. Raises ConfigError when it is none.
        """
        return replayed(record, self._dialect, mended=self.config.profile == "fixed")

    def vocabulary(self) -> Sequence[str]:
        """Return every sentence and command once, the names of all things, and the usual numbers."""
        texts = [*words.SENTENCES, *words.NAMES]
        if self._action_list != "never":
            texts += words.LISTS
        return [*texts, *words.OFFICIAL] if self._source.games is not None else texts

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what the transfer report prints about this environment."""
        facts: dict[str, str | int | float | bool] = {
            "lists_actions": self._action_list != "never",
            "action_list": self._action_list,
            "feedback": "an answer every turn, reward at the end",
            "vocabulary_words": len(distinct_words(self.vocabulary())),
            "deterministic": True,
            "thread_safe": True,
            "profile": self.config.profile,
            "dialect": self._dialect,
            "expert": self.config.expert,
            "layouts": len(layouts()),
            "data_source": "generated" if self._source.games is None else "official files of the user",
            "license": "code and generated games Apache-2.0" if self._source.games is None else "ALFWorld's games: MIT",
        }
        for difficulty in self.difficulties:
            facts[f"expert_turns_{difficulty}"] = mean_turns(self._source, difficulty)
        return facts

    def _game(self, task: Task) -> Game:
        mended = self.config.profile == "fixed"
        path, task_type, layout = (task.data.get(key) for key in ("game", "type", "layout"))
        if isinstance(path, str):
            games = self._source.games
            if games is None:
                raise ConfigError(f"task {task.id!r} is an official game: name its folder in the option data")
            if Path(path).is_absolute() or ".." in Path(path).parts:
                raise ConfigError(f"task {task.id!r} has the game {path[:80]!r}, expected a path within {games}")
            return load(games / path, mended)
        known = isinstance(layout, int) and 0 <= layout < len(layouts())
        if task_type not in TYPES or not isinstance(layout, int) or not known:
            raise ConfigError(f"task {task.id!r} has no type and layout of a generated game, and no official game")
        return _generated(str(task_type), layout, task.seed, mended)


@lru_cache(maxsize=64)
def _generated(task_type: str, layout: int, seed: int, mended: bool) -> Game:
    game = draft(task_type, layout, seed)
    return build(game.facts, game.goal, game.sentence, mended)


@cache
def _tasks(source: Source, split: Split, difficulty: str) -> tuple[Task, ...]:
    return tuple(_task(entry) for entry in entries(source, split, difficulty))


def _source(config: Any) -> Source:
    if config.mappings and not config.data:
        raise ConfigError("mappings: AgentGym's numbers mean official games; name their folder in the option data")
    games = root("" if config.data == "official" else config.data) if config.data else None
    mappings = Path(config.mappings).resolve() if config.mappings else None
    return Source(games, config.test_games, mappings, config.max_turns)


def _task(entry: Entry) -> Task:
    return Task(
        environment=ALFWorld.name,
        id=f"{ALFWorld.name}/{entry.difficulty}/{entry.split}/{entry.key}",
        split=entry.split,
        difficulty=entry.difficulty,
        seed=entry.seed,
        data=entry.data,
    )
