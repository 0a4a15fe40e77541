"""ScienceWorld as an environment of rftcore: which tasks there are, and how an episode of one begins.

Only `start` needs Java: the first episode starts one Java process, in which all worlds of this process live.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rftcore.environment import ActionList, Environment, distinct_words
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore_sciworld.tasks import EASY, EXCLUDED, VARIATIONS, listed, variations
from rftcore_sciworld.words import words

if TYPE_CHECKING:
    from rftcore_sciworld.episode import Experiment

Profile = Literal["fixed", "agentgym"]


class SciWorld(Environment):
    """Elementary science in a simulated house of ten rooms: boil, grow, measure, wire up, find, compare."""

    class Config(Frozen):
        """Options of ScienceWorld."""

        profile: Profile = "fixed"
        """`agentgym` leaves out seven kinds of tasks and has the step limit and the lost answers of the original."""
        action_list: ActionList = "never"
        """Which observations list the available actions: some hundreds, five times as slow as a step without."""
        max_turns: int = Field(default=30, ge=1)
        """Turns after which the rollout truncates (30 in AgentGym); tasks with a longer gold path are left out."""

    name: ClassVar[str] = "sciworld"
    difficulties: ClassVar[tuple[str, ...]] = ("easy", "hard")
    action_templates = (
        *("look around", "look at {thing}", "look in {thing}", "read {thing}", "inventory", "task", "wait", "wait1"),
        *("open {thing}", "close {thing}", "go to {place}", "pick up {thing}", "put down {thing}", "focus on {thing}"),
        *("move {thing} to {place}", "activate {thing}", "deactivate {thing}", "use {thing} on {target}"),
        *("connect {thing} to {target}", "disconnect {thing}", "pour {thing} in {place}", "dunk {thing} in {place}"),
        *("pour {thing} into {target}", "dunk {thing} into {target}"),
        *("drop {thing}", "examine {thing}", "go {place}", "reset task"),
        *("mix {thing}", "eat {thing}", "flush {thing}", "{number}"),
    )

    instructions = (
        "Do the science task in a house of several rooms. Answer with one action; OBJ is a thing in sight:\n"
        "look around, look at OBJ, look in OBJ, read OBJ, inventory, task, wait, wait1\n"
        "open OBJ, close OBJ, go to OBJ, pick up OBJ, put down OBJ, move OBJ to OBJ, focus on OBJ\n"
        "activate OBJ, deactivate OBJ, use OBJ on OBJ, connect OBJ to OBJ, disconnect OBJ\n"
        "pour OBJ in OBJ, dunk OBJ in OBJ, mix OBJ, eat OBJ, flush OBJ\n"
        "Focus only on what the task asks for: a wrong focus ends it. Asked for a number, answer with it alone"
    )

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the surveyed variations, taking turns among the kinds; Java is not started for it.

        Left out is what the gold path needs more than `max_turns` for. Raises ConfigError when `difficulty` is unknown.
        """
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")
        return _tasks(split, difficulty, self.config.profile, self.max_turns)

    def task(self, number: int) -> Task:
        """Return AgentGym's item `sciworld_NUMBER`: the variations of each kind that it has, one kind after the other.

        A variation of ScienceWorld's test set counts as one to test with, any other as one to train with, listed or
        not. Raises ConfigError when there is no such item.
        """
        left = number
        for kind, count in VARIATIONS.items():
            if kind in EXCLUDED:
                continue
            if 0 <= left < count:
                split: Split = "test" if left in variations(kind, "test") else "train"
                return _task(kind, left, split, "easy" if kind in EASY else "hard")
            left -= count
        most = sum(count for kind, count in VARIATIONS.items() if kind not in EXCLUDED) - 1
        raise ConfigError(f"found item {number} of {self.name}, expected 0 to {most}")

    def start(self, task: Task) -> Experiment:
        """Begin `task`: any variation of any kind, listed or not.

        Raises ConfigError when there is no such variation, or no Java.
        """
        kind, variation = task.data.get("kind"), task.data.get("variation")
        if not isinstance(kind, str) or kind not in VARIATIONS:
            raise ConfigError(f"task {task.id!r} has the kind {kind!r}, expected one of: {', '.join(VARIATIONS)}")
        if not isinstance(variation, int) or not 0 <= variation < VARIATIONS[kind]:
            raise ConfigError(
                f"task {task.id!r} has the variation {variation!r}, expected 0 to {VARIATIONS[kind] - 1} for {kind}"
            )
        # py4j opens sockets: only who plays imports it.
        from rftcore_sciworld.episode import Experiment

        return Experiment(kind, variation, self.config.action_list, mended=self.config.profile == "fixed")

    def vocabulary(self) -> Sequence[str]:
        """Return every word that the surveyed episodes are made of, once."""
        return words()

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what the transfer report prints about this environment."""
        facts: dict[str, str | int | float | bool] = {
            "lists_actions": self.config.action_list != "never",
            "action_list": self.config.action_list,
            "feedback": "every step: the share of the task that is done",
            "deterministic": True,
            "thread_safe": True,
            "needs_process": True,
            "profile": self.config.profile,
            "data_source": "tasks of the installed package scienceworld 1.2.3; needs Java",
            "license": "code Apache-2.0; scienceworld Apache-2.0",
            "expert": "the simulator's gold path; after mistakes it is resumed where that leads to the goal, else None",
            "vocabulary_words": len(distinct_words(self.vocabulary())),
        }
        for difficulty in self.difficulties:
            turns = [turns for *_, turns in _listed("train", difficulty, self.config.profile, self.max_turns)]
            facts[f"expert_turns_{difficulty}"] = round(sum(turns) / max(1, len(turns)), 2)
        return facts


def _listed(split: Split, difficulty: str, profile: Profile, longest: int) -> list[tuple[str, int, int]]:
    left_out = EXCLUDED if profile == "agentgym" else ()
    return [row for row in listed(split, difficulty) if row[0] not in left_out and row[2] <= longest]


@cache
def _tasks(split: Split, difficulty: str, profile: Profile, longest: int) -> tuple[Task, ...]:
    return tuple(
        _task(kind, variation, split, difficulty)
        for kind, variation, _ in _listed(split, difficulty, profile, longest)
    )


def _task(kind: str, variation: int, split: Split, difficulty: str) -> Task:
    return Task(
        environment=SciWorld.name,
        id=f"{SciWorld.name}/{difficulty}/{split}/{kind}/{variation}",
        split=split,
        difficulty=difficulty,
        seed=variation,
        data={"kind": kind, "variation": variation},
    )
