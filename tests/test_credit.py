"""Group normalization against hand-computed numbers, and what must hold for any returns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rftcore.credit import (
    EPSILON,
    Scale,
    deviation,
    discounted_returns,
    gae,
    group_normalize,
    leave_one_out,
    normalize,
    zero_variance,
)

RETURNS = st.floats(-100, 100)
GROUPS = st.lists(st.lists(RETURNS, max_size=8), max_size=6)
SCALES = st.sampled_from(["group", "batch", "none"])


def test_deviation_divides_by_one_less_than_the_count() -> None:
    assert deviation([1.0, 2.0, 3.0, 4.0]) == pytest.approx(math.sqrt(5.0 / 3.0), rel=1e-15)


@pytest.mark.parametrize("values", [[], [3.0]])
def test_deviation_of_fewer_than_two_values_is_zero(values: list[float]) -> None:
    assert deviation(values) == 0.0


def test_scale_group_divides_by_the_deviation_of_the_own_group() -> None:
    # Group one: mean 1/4, squared distances 9/16 + 3/16 = 3/4, variance 1/4, deviation 1/2.
    # Group two: mean 2, squared distances 1 + 1, variance 2.
    one, two = group_normalize([[1.0, 0.0, 0.0, 0.0], [1.0, 3.0]], "group")
    assert one == pytest.approx([0.75 / 0.5001, -0.25 / 0.5001, -0.25 / 0.5001, -0.25 / 0.5001], rel=1e-14)
    assert two == pytest.approx([-1.0 / (math.sqrt(2) + 1e-4), 1.0 / (math.sqrt(2) + 1e-4)], rel=1e-14)


def test_scale_batch_divides_by_the_deviation_of_all_returns_together() -> None:
    # Returns 0 1 2 5: mean 2, squared distances 4 + 1 + 0 + 9 = 14, variance 14/3.
    divisor = math.sqrt(14.0 / 3.0) + 1e-4
    one, two = group_normalize([[0.0, 1.0], [2.0, 5.0]], "batch")
    assert one == pytest.approx([-0.5 / divisor, 0.5 / divisor], rel=1e-14)
    assert two == pytest.approx([-1.5 / divisor, 1.5 / divisor], rel=1e-14)


def test_scale_none_only_subtracts_the_mean_of_the_group() -> None:
    assert group_normalize([[1.0, 0.0, 0.0, 0.0], [2.0, 4.0]], "none") == [[0.75, -0.25, -0.25, -0.25], [-1.0, 1.0]]


def test_scale_group_is_the_default() -> None:
    assert group_normalize([[1.0, 0.0, 0.0]]) == group_normalize([[1.0, 0.0, 0.0]], "group")


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_group_without_variance_gets_exactly_zero(scale: Scale) -> None:
    # The mean of three times 0.1 is not 0.1 in binary; without care the advantage would be a rounding error.
    assert group_normalize([[0.1, 0.1, 0.1], [0.0, 1.0]], scale)[0] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_group_of_one_gets_exactly_zero(scale: Scale) -> None:
    assert group_normalize([[0.7]], scale) == [[0.0]]


def test_no_groups_give_no_advantages() -> None:
    assert group_normalize([]) == []
    assert group_normalize([[]]) == [[]]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_return_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"found a return of {value}"):
        group_normalize([[0.0, value]])


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ([], True),
        ([0.4], True),
        ([0.3, 0.1 + 0.2, 0.3], True),
        ([1.0, 1.0, 1.0, 0.0], False),
        ([0.0, 1e-6], False),
    ],
)
def test_zero_variance_sees_through_rounding_but_not_through_small_differences(
    returns: list[float], expected: bool
) -> None:
    assert zero_variance(returns) is expected


@settings(deadline=None)
@given(GROUPS, SCALES)
def test_advantages_keep_the_shape_sum_to_zero_and_keep_the_order(groups: list[list[float]], scale: Scale) -> None:
    advantages = group_normalize(groups, scale)
    assert [len(group) for group in advantages] == [len(group) for group in groups]
    for returns, own in zip(groups, advantages, strict=True):
        assert math.fsum(own) == pytest.approx(0.0, abs=1e-6)
        assert [own[i] for i in sorted(range(len(own)), key=returns.__getitem__)] == sorted(own)


@settings(deadline=None)
@given(st.lists(RETURNS, min_size=2, max_size=8), SCALES, st.randoms(use_true_random=False))
def test_advantage_belongs_to_its_return_whatever_the_order(returns: list[float], scale: Scale, rng: object) -> None:
    order = list(range(len(returns)))
    rng.shuffle(order)  # type: ignore[attr-defined]
    straight = group_normalize([returns], scale)[0]
    shuffled = group_normalize([[returns[i] for i in order]], scale)[0]
    assert shuffled == [straight[i] for i in order]


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=8), st.integers(-50, 50), SCALES)
def test_a_constant_added_to_every_return_changes_nothing(returns: list[int], shift: int, scale: Scale) -> None:
    plain = group_normalize([[float(value) for value in returns]], scale)[0]
    moved = group_normalize([[float(value + shift) for value in returns]], scale)[0]
    assert moved == pytest.approx(plain, abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=2, max_size=8).filter(lambda returns: len(set(returns)) > 1))
def test_scale_group_brings_the_deviation_to_one_but_for_epsilon(returns: list[int]) -> None:
    values = [float(value) for value in returns]
    assert deviation(group_normalize([values])[0]) == pytest.approx(
        deviation(values) / (deviation(values) + EPSILON), rel=1e-12
    )


def test_leave_one_out_compares_with_the_mean_of_the_others() -> None:
    assert leave_one_out([[1.0, 0.0, 0.5], [3.0, 1.0]]) == [[0.75, -0.75, 0.0], [2.0, -2.0]]


def test_leave_one_out_of_equal_returns_is_exactly_zero() -> None:
    assert leave_one_out([[0.1, 0.1, 0.1], []]) == [[0.0, 0.0, 0.0], []]


def test_leave_one_out_of_a_single_return_is_refused() -> None:
    with pytest.raises(ValueError, match="found a group of one; expected two returns or more"):
        leave_one_out([[1.0, 0.0], [1.0]])


@settings(deadline=None)
@given(st.lists(st.lists(RETURNS, min_size=2, max_size=8), max_size=4))
def test_leave_one_out_is_the_distance_from_the_mean_times_n_over_n_less_one(groups: list[list[float]]) -> None:
    for group, found, plain in zip(groups, leave_one_out(groups), group_normalize(groups, "none"), strict=True):
        assert found == pytest.approx([value * len(group) / (len(group) - 1) for value in plain], abs=1e-9)


def test_normalize_brings_all_values_to_mean_zero_and_deviation_one() -> None:
    # Mean 2, squared distances 4 + 1 + 0 + 9, variance 14/3.
    divisor = math.sqrt(14.0 / 3.0) + 1e-4
    assert normalize([0.0, 1.0, 2.0, 5.0]) == pytest.approx([-2 / divisor, -1 / divisor, 0.0, 3 / divisor], rel=1e-14)


@pytest.mark.parametrize("values", [[], [0.7], [0.1, 0.1, 0.1]])
def test_normalize_gives_values_without_variance_exactly_zero(values: list[float]) -> None:
    assert normalize(values) == [0.0] * len(values)


def test_discounted_returns_count_what_follows_for_less() -> None:
    assert discounted_returns([1.0, 0.0, 2.0], 0.5) == [1.5, 1.0, 2.0]
    assert discounted_returns([1.0, 0.0, 2.0], 1.0) == [3.0, 2.0, 2.0]
    assert discounted_returns([], 0.5) == []


STEPS = st.lists(st.tuples(RETURNS, RETURNS), max_size=8)
SHARES = st.floats(0, 1)


def test_gae_by_hand() -> None:
    # D = 1 + 0.5 * 2 - 4 = -2, 0 + 0.5 * 8 - 2 = 2, 3 - 8 = -5; A = 2 - 5 / 4 = 0.75, then -2 + 0.75 / 4 = -1.8125.
    assert gae([1.0, 0.0, 3.0], [4.0, 2.0, 8.0], 0.5, 0.5) == [-1.8125, 0.75, -5.0]
    assert gae([], [], 0.5, 0.5) == []


@given(STEPS, SHARES, SHARES)
@settings(max_examples=100, deadline=None)
def test_gae_is_the_sum_of_later_errors_each_step_further_worth_less(
    steps: list[tuple[float, float]], discount: float, gae_lambda: float
) -> None:
    rewards, values = [reward for reward, _ in steps], [value for _, value in steps]
    after = [*values, 0.0][1:]
    errors = [rewards[t] + discount * after[t] - values[t] for t in range(len(steps))]
    expected = [
        sum((discount * gae_lambda) ** (later - t) * errors[later] for later in range(t, len(steps)))
        for t in range(len(steps))
    ]
    assert gae(rewards, values, discount, gae_lambda) == pytest.approx(expected, abs=1e-9)


@given(STEPS, SHARES)
@settings(max_examples=100, deadline=None)
def test_gae_looks_one_step_ahead_at_lambda_0_and_to_the_end_at_lambda_1(
    steps: list[tuple[float, float]], discount: float
) -> None:
    rewards, values = [reward for reward, _ in steps], [value for _, value in steps]
    after = [*values, 0.0][1:]
    short = [reward + discount * later - value for reward, later, value in zip(rewards, after, values, strict=True)]
    long = [ret - value for ret, value in zip(discounted_returns(rewards, discount), values, strict=True)]
    assert gae(rewards, values, discount, 0.0) == pytest.approx(short, abs=1e-9)
    assert gae(rewards, values, discount, 1.0) == pytest.approx(long, abs=1e-9)


def test_gae_refuses_values_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="found 2 rewards and 1 values; expected one value for each step"):
        gae([0.0, 1.0], [0.5], 1.0, 1.0)
    with pytest.raises(ValueError, match="found a value of nan; expected finite numbers: lower the learning rate"):
        gae([0.0], [math.nan], 1.0, 1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused_wherever_they_arrive(value: float) -> None:
    for asked in (
        lambda: leave_one_out([[0.0, value]]),
        lambda: normalize([0.0, value]),
        lambda: discounted_returns([0.0, value], 0.9),
        lambda: gae([0.0, value], [0.0, 0.0], 0.9, 0.9),
    ):
        with pytest.raises(ValueError, match=f"found a return of {value}; expected finite numbers"):
            asked()
