"""A plugin in one file: two environments in which an untrained model succeeds by chance, so that there is variance."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pydantic import Field

from rftcore.environment import Environment, Episode, Step
from rftcore.hookspecs import hookimpl
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(name="even", target="chance:Even", summary="answers whose characters sum to an even number"),
        EnvironmentSpec(name="third", target="chance:Third", summary="answers whose characters sum to a multiple of 3"),
    ]


class Answering(Episode):
    def __init__(self, world: Even, task: Task) -> None:
        self._world, self._left = world, 1 if task.difficulty == "easy" else 2
        self.observation = f"{world.name} {task.seed % 7}\u2028"  # a line separator that is none in JSON Lines

    def step(self, action: str) -> Step:
        right = self._world.right(action)
        self._left -= 1
        ended = not right or not self._left
        self.observation = "no" if not right else "yes" if ended else "again"
        return Step(
            self.observation, float(right and ended), ended, success=right and ended, valid=action.isprintable()
        )

    def random_action(self, rng: random.Random) -> str:
        return "".join(rng.choice("ab") for _ in range(rng.randint(1, 3)))

    def expert_action(self) -> str:
        return "f"  # 102


class Even(Environment):
    class Config(Frozen):
        max_turns: int = Field(default=3, ge=1)
        """Turns after which the rollout truncates."""

    name = "even"
    instructions = "Answer."

    def __init__(self, config: Frozen | None = None, **options: object) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns

    def right(self, answer: str) -> bool:
        return sum(map(ord, answer)) % 2 == 0

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [
            Task(
                environment=self.name,
                id=f"{self.name}/{difficulty}/{split}/{number}",
                split=split,
                difficulty=difficulty,
                seed=number + 100 * (split == "test"),
            )
            for number in range(8)
        ]

    def start(self, task: Task) -> Answering:
        return Answering(self, task)

    def vocabulary(self) -> Sequence[str]:
        return ("even third yes no again ab aba 0 1 2 3 4 5 6",)


class Third(Even):
    name = "third"

    def right(self, answer: str) -> bool:
        return sum(map(ord, answer)) % 3 == 0
