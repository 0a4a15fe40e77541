"""Dials that take no answer but their own, so that a mark in its place does not show whether they tell it."""

from __future__ import annotations

import dataclasses
import random

from combinations import Combination
from dial import WAYS, Dial, Turning

from rftcore.environment import Episode, Step
from rftcore.schemas.task import Split, Task


class Telling(Turning):
    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        self.observation = f"A dial. The secret is {' '.join(self.code)}."


class ListForm(Dial):
    """Its answers are lists of words that it knows, and it begins with them."""

    episode = Telling

    def start(self, task: Task) -> Episode:
        ways = [WAYS[WAYS.index(word)] for word in task.answer]
        return super().start(task.model_copy(update={"answer": ways}))


class TellingAfterwards(Turning):
    def step(self, action: str) -> Step:
        step = super().step(action)
        if action:
            step = dataclasses.replace(step, observation=f"Wrong, it was {' '.join(self.code)}.")
            self.observation = step.observation
        return step


class TextAfter(Combination):
    """Its answers are texts, and it tells them who does anything."""

    episode = TellingAfterwards


class TellingThenReading(Telling):
    def step(self, action: str) -> Step:
        self.code = [WAYS[WAYS.index(word)] for word in self.code]
        return super().step(action)


class Late(Dial):
    """It begins with any answer and reads it at the first action."""

    episode = TellingThenReading


class Repeating(Turning):
    """Is lucky at guessing, and repeats what was said."""

    def random_action(self, rng: random.Random) -> str:
        return " ".join(self.code)

    def step(self, action: str) -> Step:
        step = dataclasses.replace(super().step(action), observation=f"{action!r} is no way to turn it.")
        self.observation = step.observation
        return step


class Repeated(ListForm):
    """It tells nothing but what was said."""

    episode = Repeating


class Digits(Dial):
    """Its answers are a few digits, which it begins with."""

    episode = Telling

    def task(self, split: Split, difficulty: str, number: int) -> Task:
        task = super().task(split, difficulty, number)
        return task.model_copy(update={"answer": "".join(str(WAYS.index(word)) for word in task.answer)})

    def start(self, task: Task) -> Episode:
        ways = [WAYS[int(digit)] for digit in task.answer]
        return super().start(task.model_copy(update={"answer": ways}))
