"""A small environment to try policies in: a walk along a line to a place that only the expert knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rftcore.environment import Environment, Episode, Step
from rftcore.schemas.task import Split, Task

STEPS = {"left": -1, "right": 1}


class Walking(Episode):
    """Stands at 0 and goes to `goal`."""

    def __init__(self, goal: int) -> None:
        self._goal, self._place = goal, 0
        self.observation = "You are at 0."

    def step(self, action: str) -> Step:
        done = self._place == self._goal
        if not done:
            self._place += STEPS.get(action.strip(), 0)
            done = self._place == self._goal
        self.observation = f"You are at {self._place}."
        return Step(self.observation, float(done), terminated=done, success=done, valid=action.strip() in STEPS)

    def available_actions(self) -> tuple[str, ...]:
        return tuple(STEPS)

    def expert_action(self) -> str:
        return "left" if self._goal < self._place else "right"


class Line(Environment):
    """Easy goals are near, hard ones are far."""

    name: ClassVar[str] = "line"
    max_turns = 6
    instructions = "Go left or right until you are there."

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return four tasks."""
        start = 1 if difficulty == "easy" else 3
        goals = (start, -start, start + 1, -start - 1)
        return [
            Task(
                environment=self.name,
                id=f"line/{difficulty}/{split}/{number}",
                split=split,
                difficulty=difficulty,
                seed=number + (0 if split == "train" else 100),
                answer=goal,
            )
            for number, goal in enumerate(goals)
        ]

    def start(self, task: Task) -> Walking:
        """Begin at 0."""
        assert isinstance(task.answer, int)
        return Walking(task.answer)
