"""Records made by hand: "110x" is one task with two successes, a failure, and a sample that the machine lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from rftcore.metric import CellData
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn


def _trajectory(task: Task, sample: int, mark: str, turns: int, tokens: int, invalid: int) -> Trajectory:
    return Trajectory(
        task=task,
        sample=sample,
        turns=tuple(
            Turn(observation="o", text="a", action="a", reward=0.0, valid=turn >= invalid, token_ids=(1,) * tokens)
            for turn in range(turns)
        ),
        status="environment_error" if mark == "x" else "completed",
        ret=1.0 if mark == "1" else 0.0,
        success=mark == "1",
    )


@pytest.fixture
def make_group() -> Callable[..., Group]:
    def make(
        key: str,
        marks: str,
        environment: str = "craft",
        difficulty: str = "easy",
        turns: int = 2,
        tokens: int = 3,
        invalid: int = 1,
        seed: int = 0,
    ) -> Group:
        identity = f"{environment}/{difficulty}/test/{key}"
        task = Task(environment=environment, id=identity, split="test", difficulty=difficulty, seed=seed)
        return Group(
            task=task,
            trajectories=tuple(
                _trajectory(task, sample, mark, turns, tokens, invalid) for sample, mark in enumerate(marks)
            ),
        )

    return make


@pytest.fixture
def make_cell(make_group: Callable[..., Group]) -> Callable[..., CellData]:
    def make(
        train: str, tasks: Sequence[str] | Mapping[str, str], environment: str = "craft", difficulty: str = "easy"
    ) -> CellData:
        named = tasks if isinstance(tasks, Mapping) else {f"{place:03d}": marks for place, marks in enumerate(tasks)}
        return CellData(
            train=train,
            environment=environment,
            difficulty=difficulty,
            groups=[make_group(key, marks, environment, difficulty) for key, marks in named.items()],
            trajectories=f"evaluations/{train}/{environment}-{difficulty}.jsonl",
        )

    return make
