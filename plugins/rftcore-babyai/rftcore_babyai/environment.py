"""BabyAI as an environment of rftcore: which tasks there are, and how an episode of one begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rftcore.environment import ActionList, Environment, distinct_words
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore_babyai.levels import GROUPS, LEVELS, minigrid_id
from rftcore_babyai.tasks import LIMITS, listed
from rftcore_babyai.words import WORDS

if TYPE_CHECKING:
    from rftcore_babyai.episode import BabyAIEpisode


class BabyAI(Environment):
    """Grid worlds in text: one agent, rooms, doors, keys, balls and boxes, and a goal in plain words.

    The return of an episode is the sum of its rewards. Only its last reward is not 0, except in the profile `agentgym`,
    where that sum is AgentGym's score.
    """

    class Config(Frozen):
        """How the levels are played."""

        profile: Literal["fixed", "agentgym"] = "fixed"
        """`fixed`: the original's rules, its bugs mended. `agentgym`: AgentGym's answers, byte for byte."""
        action_list: ActionList = "every"
        """Which observations list the available actions. Without a list there is no action that asks for it either."""
        max_turns: int = Field(default=20, ge=1)
        """Turns after which the rollout truncates the episode; tasks that took the expert longer are left out."""

    name = "babyai"
    returns = "sum"
    fidelity_profile: ClassVar[str] = "agentgym"
    """The profile that `replay` is meant for."""
    action_templates = (
        "turn left",
        "turn right",
        "move forward",
        "go to {object}",
        "pickup {object}",
        "drop",
        "toggle",
        "go through {door}",
        "toggle and go through {door}",
        "check available actions",
    )
    instructions = (
        "Reach your goal in a grid of rooms. You see only what is in front of you. Answer with one action:\n"
        "turn left, turn right, move forward, go to OBJECT, pickup OBJECT, drop, toggle, go through DOOR, "
        "toggle and go through DOOR\n"
        "OBJECT and DOOR are named as seen, with their number: red ball 1, blue closed door 2"
    )

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the verified levels and seeds, taking turns among the levels; no level is built for it.

        Left out is what took the expert more than `max_turns`. Raises ConfigError when `difficulty` is unknown.
        """
        if difficulty not in LIMITS:
            raise ConfigError(f"found difficulty {difficulty!r} of {self.name}, expected {' or '.join(LIMITS)}")
        return _tasks(split, difficulty, self.max_turns)

    def task(self, number: int) -> Task:
        """Return AgentGym's item `babyai_NUMBER`: level `number % 40 + 1`, seed `number // 40`.

        It is in no list, and counts as one to train with. Raises ConfigError when `number` is negative.
        """
        if number < 0:
            raise ConfigError(f"found item {number} of {self.name}, expected 0 or more")
        seed, place = divmod(number, len(LEVELS))
        return _task(LEVELS[place + 1], seed, "train", "easy" if place + 1 in GROUPS["easy"] else "hard")

    def start(self, task: Task) -> BabyAIEpisode:
        """Build the level of `task`. Raises ConfigError when there is no such level."""
        level = task.data.get("level")
        if level not in LEVELS.values():
            raise ConfigError(f"task {task.id!r} has the level {level!r}, expected one of {', '.join(LEVELS.values())}")
        return self._begin(str(level), task.seed)

    def _begin(self, level: str, seed: int) -> BabyAIEpisode:
        # minigrid brings pygame and numpy: only who plays pays for them.
        from rftcore_babyai.agentgym import AgentGymEpisode
        from rftcore_babyai.episode import BabyAIEpisode
        from rftcore_babyai.world import World

        kind = AgentGymEpisode if self.config.profile == "agentgym" else BabyAIEpisode
        return kind(World(minigrid_id(level, self.config.profile), seed), self.config.action_list)

    def replay(
        self, record: Mapping[str, Any], folder: Path
    ) -> Iterator[tuple[str, tuple[Any, ...], tuple[Any, ...]]]:
        """Play a recorded episode; yield for each turn where it is, what was recorded, and what happens here.

        Compared are observation, reward, score and done, and with the first turn the observation before it. `record`
        has `level_number`, `seed`, `first_observation` and `turns`; nothing in `folder` is needed. Raises ConfigError
        when it has not.
        """
        missing = sorted({"level_number", "seed", "first_observation", "turns"} - record.keys())
        if missing:
            raise ConfigError(f"found a record without {', '.join(missing)}, expected a recorded episode of BabyAI")
        level = LEVELS[record["level_number"]]
        episode = self._begin(level, record["seed"])
        expected: tuple[Any, ...] = (record["first_observation"],)
        got: tuple[Any, ...] = (episode.observation,)
        score = 0.0
        for number, turn in enumerate(record["turns"]):
            step = episode.step(turn["action"])
            score += step.reward
            expected += (turn["observation"], turn["reward"], turn["score"], turn["done"])
            numbers = (_rounded(turn["reward"], step.reward), _rounded(turn["score"], score))
            got += (step.observation, *numbers, step.terminated)
            where = "first observation and turn 0" if number == 0 else f"turn {number}"
            yield f"level {level}, seed {record['seed']}, policy {record.get('policy')}, {where}", expected, got
            expected, got = (), ()

    def vocabulary(self) -> Sequence[str]:
        """Return every sentence pattern, name and action once, and the usual numbers."""
        return WORDS

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what the transfer report prints about this environment."""
        facts: dict[str, str | int | float | bool] = {
            "lists_actions": self.config.action_list != "never",
            "action_list": self.config.action_list,
            "feedback": "what is seen every turn, reward at the end",
            "reward": "at success only, 1 - 0.9 * (low-level steps / the level's limit)",
            "deterministic": True,
            "thread_safe": True,
            "profile": self.config.profile,
            "data_source": "levels generated by the installed package minigrid",
            "license": "code Apache-2.0; minigrid MIT",
        }
        left_out = []
        for difficulty in LIMITS:
            turns = [turns for _, _, turns in listed("train", difficulty) if turns <= self.max_turns]
            facts[f"expert_turns_{difficulty}"] = round(sum(turns) / len(turns), 2)
            tests = [turns for _, _, turns in listed("test", difficulty)]
            if longer := sum(turns > self.max_turns for turns in tests):
                left_out.append(f"{longer:,} of {len(tests):,} {difficulty} test tasks")
        if left_out:
            facts["left_out"] = f"{', '.join(left_out)}: the expert needs more than max_turns = {self.max_turns} turns"
        return {**facts, "vocabulary_words": len(distinct_words(self.vocabulary()))}


@cache
def _tasks(split: Split, difficulty: str, longest: int) -> tuple[Task, ...]:
    return tuple(
        _task(level, seed, split, difficulty) for level, seed, turns in listed(split, difficulty) if turns <= longest
    )


def _task(level: str, seed: int, split: Split, difficulty: str) -> Task:
    return Task(
        environment=BabyAI.name,
        id=f"{BabyAI.name}/{difficulty}/{split}/{level}/{seed}",
        split=split,
        difficulty=difficulty,
        seed=seed,
        data={"level": level},
    )


def _rounded(recorded: float, ours: float) -> float:
    """Return `recorded` when `ours` is the same but for rounding."""
    return recorded if abs(recorded - ours) <= 1e-9 else ours
