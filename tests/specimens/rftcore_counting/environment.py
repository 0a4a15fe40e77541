"""Count to a goal with `add`; `stop` gives up. The profile `original` greets without a full stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rftcore.environment import Environment, Episode, Step
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task


class Count(Episode):
    def __init__(self, goal: int, stop: str) -> None:
        self.goal, self.count, self.stop = goal, 0, stop
        self.observation = f"Count to {goal}{stop}"

    def step(self, action: str) -> Step:
        if action == "stop":
            return self._answer("You gave up", terminated=True)
        if action != "add":
            return self._answer(f"What is [{action}]?", valid=False)
        self.count += 1
        done = self.count == self.goal
        return self._answer(f"{self.count}", reward=float(done), terminated=done, success=done)

    def _answer(self, text: str, reward: float = 0.0, terminated: bool = False, **rest: bool) -> Step:
        self.observation = f"{text}{self.stop}"
        return Step(self.observation, reward, terminated, **rest)

    def available_actions(self) -> tuple[str, ...]:
        return ("add", "stop")

    def expert_action(self) -> str:
        return "add"


class Counting(Environment):
    class Config(Frozen):
        profile: Literal["fixed", "original"] = "fixed"
        """Whether sentences end with a full stop."""
        max_turns: int = Field(default=5, ge=1)
        """Turns after which the rollout truncates."""

    name = "counting"
    instructions = "Say add until the goal is reached."
    fidelity_profile = "original"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        goal = {"easy": 2, "hard": 4}[difficulty]
        return [
            Task(
                environment=self.name,
                id=f"{self.name}/{difficulty}/{split}/{number}",
                split=split,
                difficulty=difficulty,
                seed=number if split == "train" else number + 100,
                data={"goal": goal},
            )
            for number in range(3 if split == "train" else 2)
        ]

    def start(self, task: Task) -> Count:
        return Count(int(str(task.data["goal"])), "." if self.config.profile == "fixed" else "")

    def facts(self) -> dict[str, str | int | float | bool]:
        return {"lists_actions": True}

    def replay(self, record: dict[str, Any], folder: Path) -> Iterator[tuple[str, Any, Any]]:
        if "sum" in record:  # Another kind of recording: a sum over the numbers in a file beside it.
            yield "sum", record["sum"], sum(map(int, (folder / record["numbers"]).read_text().split()))
            return
        episode = Count(record["goal"], "." if self.config.profile == "fixed" else "")
        for number, turn in enumerate(record["turns"]):
            yield f"turn {number}", turn["observation"], episode.step(turn["action"]).observation


class Picky(Counting):
    """Cannot be built without its data."""

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        raise ConfigError("no data here; fetch it first")


def not_a_class() -> None:
    """A target must be a class."""
