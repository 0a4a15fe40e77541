"""Dials whose answers are texts: one gives them away, one says some of them by chance."""

from __future__ import annotations

from dial import WAYS, Dial, Turning

from rftcore.environment import Episode
from rftcore.schemas.task import Split, Task


class Combination(Dial):
    """Its answers are texts, such as 'left right left', and nothing else can be started."""

    def task(self, split: Split, difficulty: str, number: int) -> Task:
        task = super().task(split, difficulty, number)
        return task.model_copy(update={"answer": " ".join(task.answer)})

    def start(self, task: Task) -> Episode:
        ways = [WAYS[WAYS.index(word)] for word in task.answer.split()]
        return self.episode(self, task.model_copy(update={"answer": ways}))


class Advised(Turning):
    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        self.observation = "A dial. Some turn it left right right left left left right left right right."


class Coincident(Combination):
    """What every task says has some of the answers in it."""

    episode = Advised


class Whispering(Turning):
    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        self.observation = f"A dial. Do not try {' '.join(self.code)}."


class Spilling(Combination):
    episode = Whispering
