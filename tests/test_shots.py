"""Few-shot examples: solved by the expert, in the order of the list, and never the task that is played."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rftcore.environment import Environment, Episode, Step
from rftcore.errors import ConfigError
from rftcore.schemas.task import Split, Task
from rftcore.shots import shots, shown


class Stairs(Environment):
    """A task with seed n takes n steps up; the expert gives up on 2, stumbles on 3, and is too slow for more than 5."""

    name = "stairs"
    max_turns = 5
    instructions = ""

    def __init__(self) -> None:
        super().__init__()
        self.open = 0

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [
            Task(environment=self.name, id=f"{split}/{difficulty}/{n}", split=split, difficulty=difficulty, seed=n)
            for n in (1, 2, 3, 4, 6, 5)
        ]

    def start(self, task: Task) -> Episode:
        self.open += 1
        return _Climb(self, task.seed)


class _Climb(Episode):
    def __init__(self, owner: Stairs, height: int) -> None:
        self._owner, self._height, self._at = owner, height, 0
        self.observation = f"0 of {height}"

    def step(self, action: str) -> Step:
        self._at += 1
        self.observation = f"{self._at} of {self._height}"
        top = self._at == self._height
        return Step(self.observation, float(top), top, success=top and self._height != 3)

    def expert_action(self) -> str | None:
        return None if self._height == 2 else "up"

    def close(self) -> None:
        self._owner.open -= 1


def test_examples_are_the_first_tasks_that_the_expert_solves_within_the_limit_and_one_to_spare() -> None:
    stairs = Stairs()
    found = shots(stairs, 2)
    assert [task.id for task, _ in found] == ["train/easy/1", "train/easy/4", "train/easy/5"]
    assert found[0][1] == (("0 of 1", "up"),)
    assert found[1][1] == (("0 of 4", "up"), ("1 of 4", "up"), ("2 of 4", "up"), ("3 of 4", "up"))
    assert stairs.open == 0


def test_whoever_plays_an_example_is_shown_the_spare_one_in_its_place() -> None:
    stairs = Stairs()
    found = shots(stairs, 2)
    first, second, spare = (shot for _, shot in found)
    assert shown(found, stairs.tasks("test", "hard")[0]) == [first, second]
    assert shown(found, found[2][0]) == [first, second]
    assert shown(found, found[0][0]) == [second, spare]


def test_too_few_solved_tasks_are_said_with_their_number() -> None:
    with pytest.raises(ConfigError, match=r"shots: found 3, but the expert of stairs solves 3 train tasks, and 4 are"):
        shots(Stairs(), 3)
