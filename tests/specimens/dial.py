"""A dial that has to be turned left and right in an order that only the expert knows: it keeps every promise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar

from rftcore.environment import ActionList, Environment, Episode, Step, with_actions
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task

WAYS = ("left", "right")


class Turning(Episode):
    def __init__(self, world: Dial, task: Task) -> None:
        self.world, self.task = world, task
        self.code, self.place, self.turns = list(task.answer), 0, 0
        self.end: Step | None = None
        self.observation = self.say("A dial.", first=True)

    def say(self, text: str, *, first: bool = False) -> str:
        mode = self.world.config.action_list
        return with_actions(text, WAYS) if mode == "every" or (mode == "first" and first) else text

    def step(self, action: str) -> Step:
        if self.end is not None:
            return self.end
        self.turns += 1
        word = action.strip()
        if word not in WAYS:
            return self.answer("Only left and right.", valid=False)
        self.place = self.place + 1 if word == self.code[self.place] else 0
        if self.place < len(self.code):
            return self.answer(f"It is at {self.place}.")
        self.end = self.answer("It opens.", 1.0, terminated=True, success=True)
        return self.end

    def answer(self, text: str, reward: float = 0.0, terminated: bool = False, **rest: bool) -> Step:
        self.observation = self.say(text)
        return Step(self.observation, reward, terminated, **rest)

    def available_actions(self) -> tuple[str, ...]:
        return WAYS

    def expert_action(self) -> str | None:
        return self.code[self.place] if self.place < len(self.code) else "left"


class Dial(Environment):
    """Keeps every promise."""

    class Config(Frozen):
        action_list: ActionList = "never"

    name = "dial"
    max_turns = 8
    instructions = "Turn it left or right."
    action_templates = WAYS
    episode: ClassVar[type[Turning]] = Turning

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [self.task(split, difficulty, number) for number in range(6)]

    def task(self, split: Split, difficulty: str, number: int) -> Task:
        rng = random.Random(f"{split}/{difficulty}/{number}")
        return Task(
            environment="dial",
            id=f"dial/{difficulty}/{split}/{number}",
            split=split,
            difficulty=difficulty,
            seed=number + (100 if split == "test" else 0),
            answer=[rng.choice(WAYS) for _ in range({"easy": 1, "hard": 3}.get(difficulty, 2))],
        )

    def start(self, task: Task) -> Episode:
        return self.episode(self, task)

    def vocabulary(self) -> Sequence[str]:
        return ("a dial left right", "it opens")

    def facts(self) -> dict[str, str | int | float | bool]:
        return {
            "feedback": "at each turn",
            "lists_actions": self.config.action_list != "never",
            "vocabulary_words": 6,
            "expert_turns_easy": 1.0,
        }
