"""Which trajectories are imitated, worked out by hand, and which options are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rftcore.algorithm import Demonstrations
from rftcore.errors import ConfigError
from rftcore.options import validate
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Credit, Group, Trajectory, Turn
from rftcore_imitation.algorithm import Imitation


def group(key: str, *played: tuple[str, float, bool]) -> Group:
    """One task; of each trajectory the actions (a letter each), the return and whether it succeeded."""
    task = Task(environment="even", id=f"even/easy/train/{key}", split="train", difficulty="easy", seed=0)
    trajectories = tuple(
        Trajectory(
            task=task,
            sample=number,
            turns=tuple(Turn(observation="", text=each, action=each, reward=0.0, valid=True) for each in actions),
            status="completed",
            ret=ret,
            success=success,
        )
        for number, (actions, ret, success) in enumerate(played)
    )
    return Group(task=task, trajectories=trajectories)


EASY = group("easy", ("ab", 1.0, True), ("ab", 1.0, True), ("c", 1.0, True), ("abcd", 1.0, True))
HARD = group("hard", ("ab", 0.0, False), ("abc", 0.5, True), ("", 0.0, False), ("x", 0.0, False))


def kept(*groups: Group, **options: Any) -> list[list[int]]:
    """The number of each imitated trajectory, by group."""
    credits = Imitation(**options).credit(groups)
    return [[number for number, credit in enumerate(earned) if credit is not None] for earned in credits]


def test_every_turn_of_a_success_gets_one_and_nothing_else_does() -> None:
    credits = Imitation().credit([HARD])
    assert credits == [[None, Credit(turns=(1.0, 1.0, 1.0)), None, None]]


def test_failures_are_imitated_on_request_but_never_a_trajectory_without_turns() -> None:
    assert kept(HARD, successes=False) == [[0, 1, 3]]


def test_the_same_actions_count_once_in_a_task() -> None:
    assert kept(EASY, HARD) == [[0, 2, 3], [1]]
    assert kept(EASY, HARD, distinct=False) == [[0, 1, 2, 3], [1]]


def test_the_same_actions_in_another_task_are_another_way() -> None:
    twin = group("twin", ("ab", 1.0, True))
    assert kept(EASY, twin) == [[0, 2, 3], [0]]


def test_a_bound_keeps_the_best_of_a_task_and_the_shorter_of_equals() -> None:
    assert kept(EASY, HARD, per_task=2) == [[0, 2], [1]]
    assert kept(EASY, HARD, per_task=1) == [[2], [1]]


def test_top_keeps_the_share_with_the_highest_returns() -> None:
    # c, ab, abcd (return 1), then abc (return 0.5): half of four are two, and 0.6 of four are rounded up to three.
    assert kept(EASY, HARD, top=0.5) == [[0, 2], []]
    assert kept(EASY, HARD, top=0.6) == [[0, 2, 3], []]
    assert kept(EASY, HARD, top=0.01) == [[2], []]


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"source": "self"}, "none of 2 trajectories succeeded"), ({"successes": False}, "none of 2 trajectories had a")],
)
def test_nothing_to_imitate_is_a_warning_and_no_credit(options: dict[str, Any], reason: str) -> None:
    failed = group("failed", ("", 0.0, False), ("", 0.0, False))
    with pytest.warns(RuntimeWarning, match=reason):
        assert Imitation(**options).credit([failed]) == [[None, None]]


def test_what_the_machine_spoiled_is_neither_imitated_nor_counted() -> None:
    spoilt = HARD.trajectories[1].model_copy(update={"status": "environment_error"})
    mixed = Group(task=HARD.task, trajectories=(spoilt, HARD.trajectories[1]))
    assert kept(mixed) == [[0]]  # one usable trajectory, so one credit


def test_the_source_says_whose_trajectories_are_wanted() -> None:
    assert Imitation().demonstrations() == Demonstrations()
    assert Imitation(noise=0.25).demonstrations() == Demonstrations(noise=0.25)
    assert Imitation(source="self").demonstrations() is None
    recorded = Imitation(source="mine.jsonl").demonstrations()
    assert recorded == Demonstrations(recording=str(Path("mine.jsonl").absolute()))


def test_an_expert_alone_plays_a_task_once_and_others_as_often_as_wanted() -> None:
    assert Demonstrations().samples(8) == 1
    assert Demonstrations(noise=0.1).samples(8) == 8
    assert Demonstrations(recording="mine").samples(8) == 8


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"noise": 0.1, "source": "self"}, "no noise with source 'self'"),
        ({"noise": 1.5}, "noise: found 1.5, expected less than or equal to 1"),
        ({"top": 0.0}, "top: found 0.0, expected greater than 0"),
        ({"per_task": 0}, "per_task: found 0, expected greater than or equal to 1"),
        ({"sucesses": True}, "did you mean 'successes'"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_words(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        validate(Imitation.Config, options, "algorithm")
    assert told in str(error.value)
