"""An environment in one file, played by its expert and at random: `python examples/03_own_environment.py`.

As a plugin the two classes move into a module and a hook announces them; docs/environments.md shows the extra files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from statistics import fmean

from rftcore import Environment, Episode, Step, Task, registry
from rftcore.rollout import PolicyActor, collect
from rftcore.schemas.task import Split
from rftcore.specs import EnvironmentSpec


class Guess(Environment):
    name = "guess"
    max_turns = 6
    instructions = "Guess the number. Answer with digits."

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        end = {"easy": 8, "hard": 64}[difficulty]
        numbers = range(split == "test", end, 2)  # odd numbers are for the test: no task is in both splits
        common = {"environment": "guess", "split": split, "difficulty": difficulty, "seed": 0, "data": {"end": end}}
        return [Task(id=f"guess/{difficulty}/{split}/{number}", answer=number, **common) for number in numbers]

    def start(self, task: Task) -> Episode:
        return Guessing(int(str(task.answer)), int(str(task.data["end"])))


class Guessing(Episode):
    def __init__(self, answer: int, end: int) -> None:
        self.answer, self.low, self.high = answer, 0, end
        self.observation = f"It is one of 0 to {end - 1}"

    def step(self, action: str) -> Step:
        guess = int(action) if action in self.available_actions() else None
        if guess is not None and guess != self.answer:
            self.low, self.high = (guess + 1, self.high) if guess < self.answer else (self.low, guess)
        self.observation = f"It is one of {self.low} to {self.high - 1}"
        found = guess == self.answer
        return Step(self.observation, float(found), terminated=found, success=found, valid=guess is not None)

    def available_actions(self) -> tuple[str, ...]:
        return tuple(str(number) for number in range(self.low, self.high))

    def expert_action(self) -> str:
        return str((self.low + self.high) // 2)


registry.add(EnvironmentSpec(name="guess", target="__main__:Guess", summary="find a number by asking"))
world = registry.create("environment", "guess")
for name in ("oracle", "random"):
    actor = PolicyActor(registry.create("policy", name))
    groups = asyncio.run(collect({"guess": world}, actor, world.tasks("test", "hard"), 4, seed=0))
    print(f"{name}: {fmean(played.success for group in groups for played in group.usable):.2f} of the numbers found")
