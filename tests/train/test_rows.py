"""Rows by prefix check, on turns that are written out by hand."""

from __future__ import annotations

import pytest

from rftcore.errors import RunError
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Credit, Trajectory, Turn
from rftcore.train.rows import Row, build_rows, staleness
from rftcore.train.sampler import checksum

TASK = Task(environment="e", id="e/easy/train/0", split="train", difficulty="easy", seed=0)


def turn(keep: int, prompt: list[int], answer: list[int], context: list[int]) -> Turn:
    return Turn(
        observation="",
        text="",
        action="",
        reward=0.0,
        valid=True,
        keep=keep,
        prompt_ids=tuple(prompt),
        token_ids=tuple(answer),
        logprobs=tuple(-0.1 * token for token in answer),
        checksum=checksum(context),
    )


def trajectory(*turns: Turn) -> Trajectory:
    return Trajectory(task=TASK, sample=0, turns=turns, status="completed", ret=0.0, success=False)


FIRST = turn(0, [1, 5, 9], [7, 2], [1, 5, 9, 7, 2])
GROWN = turn(5, [8, 9], [4, 2], [1, 5, 9, 7, 2, 8, 9, 4, 2])
FORKED = turn(3, [6], [3], [1, 5, 9, 6, 3])


def test_a_context_that_grew_extends_its_row() -> None:
    rows, drift = build_rows(trajectory(FIRST, GROWN), Credit(turns=(0.5, -1.0)))
    assert rows == [
        Row([1, 5, 9, 7, 2, 8, 9, 4, 2], [3, 4, 7, 8], [-0.1 * t for t in (7, 2, 4, 2)], [0.5, 0.5, -1.0, -1.0])
    ]
    assert drift == 0


def test_a_context_that_dropped_something_starts_a_row_and_trains_no_token_twice() -> None:
    rows, drift = build_rows(trajectory(FIRST, FORKED), Credit(turns=(0.5, -1.0)))
    assert [(row.ids, row.positions, row.advantages) for row in rows] == [
        ([1, 5, 9, 7, 2], [3, 4], [0.5, 0.5]),
        ([1, 5, 9, 6, 3], [4], [-1.0]),
    ]
    assert drift == 0


def test_a_forked_row_is_extended_in_its_turn() -> None:
    last = turn(5, [8], [2], [1, 5, 9, 6, 3, 8, 2])
    rows, drift = build_rows(trajectory(FIRST, FORKED, last), Credit(turns=(1.0, 2.0, 3.0)))
    assert [(row.ids, row.positions, row.advantages) for row in rows[1:]] == [
        ([1, 5, 9, 6, 3, 8, 2], [4, 6], [2.0, 3.0])
    ]
    assert drift == 0


def test_credit_may_be_given_to_each_token() -> None:
    credit = Credit(turns=(), tokens=((0.1, 0.2), (0.3, 0.4)))
    rows, _ = build_rows(trajectory(FIRST, GROWN), credit)
    assert rows[0].advantages == [0.1, 0.2, 0.3, 0.4]


def test_values_and_targets_follow_their_tokens_into_rows() -> None:
    credit = Credit(turns=(0.5, -1.0), returns=((0.75,), (0.25, 0.5)))
    whole, _ = build_rows(trajectory(FIRST, GROWN), credit, [[0.1, 0.2], [0.3, 0.4]])
    assert whole[0].old_values == [0.1, 0.2, 0.3, 0.4]
    assert whole[0].returns == [0.75, 0.0, 0.25, 0.5]
    assert whole[0].value_mask == [1.0, 0.0, 1.0, 1.0]
    forks, _ = build_rows(
        trajectory(FIRST, FORKED), Credit(turns=(0.5, -1.0), returns=((0.75,), (0.25,))), [[0, 1], [2]]
    )
    assert [(row.old_values, row.returns, row.value_mask) for row in forks] == [
        ([0, 1], [0.75, 0.0], [1.0, 0.0]),
        ([2], [0.25], [1.0]),
    ]


def test_the_tokens_of_a_turn_whose_checksum_differs_are_counted_as_drift() -> None:
    tampered = GROWN.model_copy(update={"prompt_ids": (8, 10)})
    assert build_rows(trajectory(FIRST, tampered), Credit(turns=(1.0, 1.0)))[1] == 2
    shifted = FIRST.model_copy(update={"prompt_ids": (1, 5, 8)})
    assert build_rows(trajectory(shifted, GROWN), Credit(turns=(1.0, 1.0)))[1] == 4


def test_a_row_without_sampled_tokens_is_left_out() -> None:
    silent = turn(0, [1, 5], [], [1, 5])
    assert build_rows(trajectory(silent), Credit(turns=(1.0,)))[0] == []
    assert build_rows(trajectory(), Credit()) == ([], 0)


def test_the_checksum_is_the_crc_of_little_endian_words() -> None:
    assert checksum([]) == 0
    assert checksum([0x34333231, 0x38373635]) == 0x9AE0DAAF  # of the nine-digit check string's first eight digits


def test_stale_tokens_are_those_of_other_weights_token_by_token() -> None:
    fresh = FIRST.model_copy(update={"version": 4})
    mixed = GROWN.model_copy(update={"version": 4, "versions": (3, 4)})
    old = FORKED.model_copy(update={"version": 3})
    count = len(old.token_ids)
    assert staleness([trajectory(fresh, mixed)], 4, 0) == {"stale_tokens": 1}
    assert staleness([trajectory(fresh), trajectory(mixed, old)], 4, 0) == {"stale_tokens": 1 + count}
    assert staleness([trajectory(fresh)], 4, 0) == {}
    assert staleness([trajectory(fresh)], 4, 1) == {"stale_tokens": 0, "staleness": 0.0}
    tokens = len(fresh.token_ids) + count
    assert staleness([trajectory(fresh, old)], 5, 2) == {
        "stale_tokens": tokens,
        "staleness": pytest.approx((len(fresh.token_ids) + 2 * count) / tokens),
    }


def test_a_token_that_is_staler_than_allowed_stops_the_run() -> None:
    old = FIRST.model_copy(update={"version": 3})
    with pytest.raises(RunError, match=r"found tokens sampled by weights 2 versions behind .* expected at most .*, 1:"):
        staleness([trajectory(old)], 5, 1)


def test_rows_tell_how_far_behind_each_token_is_where_a_version_is_given() -> None:
    mixed = FIRST.model_copy(update={"version": 4, "versions": (3, *(4,) * (len(FIRST.token_ids) - 1))})
    ((row,), _) = build_rows(trajectory(mixed), Credit(turns=(1.0,)), version=5)
    assert row.behind == [2, *(1,) * (len(FIRST.token_ids) - 1)]
    ((row,), _) = build_rows(trajectory(mixed), Credit(turns=(1.0,)))
    assert row.behind == []
