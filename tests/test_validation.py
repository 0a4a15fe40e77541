"""Validation tasks are train tasks that nothing is learned from, and what their scores decide."""

from __future__ import annotations

from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore.schemas.config import Validation
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory
from rftcore.validation import best, divide, due, exhausted, score


def task(number: int, family: str | None = None) -> Task:
    identity = f"maze/easy/train/{number}"
    return Task(environment="maze", id=identity, split="train", difficulty="easy", seed=number, family=family)


def numbers(tasks: list[Task]) -> list[int]:
    return [task.seed for task in tasks]


def test_the_last_tasks_are_validated_on_and_the_others_drawn() -> None:
    drawn, held = divide("maze:easy", [task(n) for n in range(6)], Validation(tasks=2))
    assert (numbers(drawn), numbers(held)) == ([0, 1, 2, 3], [4, 5])


def test_near_copies_of_a_validation_task_are_not_drawn() -> None:
    listed = [task(0, "a"), task(1, "b"), task(2, "c"), task(3, "b"), task(4, "d")]
    drawn, held = divide("maze:easy", listed, Validation(tasks=2))
    assert (numbers(drawn), numbers(held)) == ([0, 2], [3, 4])


def test_without_validation_every_task_is_drawn() -> None:
    drawn, held = divide("maze:easy", [task(n) for n in range(3)], None)
    assert (numbers(drawn), numbers(held)) == ([0, 1, 2], [])


@pytest.mark.parametrize("families", [("a", "b", "c"), ("a", "a", "a")])
def test_validation_that_leaves_nothing_to_train_on_is_refused(families: tuple[str, ...]) -> None:
    listed = [task(n, family) for n, family in enumerate(families)]
    with pytest.raises(ConfigError, match=r"training.validation.tasks: found \d, expected fewer: maze:easy has 3"):
        divide("maze:easy", listed, Validation(tasks=3 if len(set(families)) > 1 else 2))


def test_the_score_is_the_mean_over_samples_that_the_machine_did_not_spoil() -> None:
    def sample(number: int, status: Any, success: bool) -> Trajectory:
        return Trajectory(task=task(0), sample=number, turns=(), status=status, ret=0.0, success=success)

    first = Group(task=task(0), trajectories=(sample(0, "completed", True), sample(1, "completed", False)))
    second = Group(task=task(0), trajectories=(sample(0, "completed", True), sample(1, "sampler_error", False)))
    assert score([first, second]) == pytest.approx(2 / 3)


def test_a_measurement_follows_every_few_updates_and_the_last() -> None:
    assert [update for update in range(7) if due(update, 7, Validation(every=3))] == [2, 5, 6]
    assert not any(due(update, 7, None) for update in range(7))


def lines(*scores: float | None) -> list[dict[str, Any]]:
    return [
        {"update": update} if value is None else {"update": update, "validation": value}
        for update, value in enumerate(scores)
    ]


def test_the_best_checkpoint_is_the_earliest_with_the_highest_score() -> None:
    assert best(lines()) is None
    assert best(lines(None, None)) is None
    assert best(lines(None, 0.2, None, 0.5, 0.5, 0.4)) == 4


def test_a_stage_stops_after_as_many_measurements_without_a_better_score() -> None:
    two = Validation(patience=2)
    assert not exhausted(lines(None, 0.2, None, 0.1), two)
    assert exhausted(lines(None, 0.2, None, 0.1, 0.2), two)  # as good is not better
    assert not exhausted(lines(None, 0.2, None, 0.1, 0.3), two)
    assert not exhausted(lines(0.2, 0.1, 0.1, 0.1), Validation())
    assert not exhausted(lines(None, None), two)
    assert not exhausted(lines(0.2, 0.1, 0.1, 0.1), None)
