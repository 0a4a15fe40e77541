from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from rftcore_generalization.bootstrap import bca_interval
from rftcore_generalization.intervals import Estimate, change, success
from rftcore_generalization.quantiles import student
from rftcore_generalization.score import (
    change_score_interval,
    effective_samples,
    mean_score_interval,
    score_interval,
)
from rftcore_generalization.tally import Pair, Tally

tallies = st.integers(1, 6).flatmap(
    lambda n: st.builds(Tally, st.integers(0, n), st.just(n), st.sampled_from(["", "a", "b"]))
)
cells = st.lists(tallies, min_size=1, max_size=12)
paired = st.lists(st.builds(Pair, after=tallies, before=tallies), min_size=1, max_size=12)


def alone(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every task a family of its own: one task each, and its value."""
    return np.column_stack([np.ones(values.size), values])


def test_student_quantiles_agree_with_scipy() -> None:
    assert [student(freedom) for freedom in (1, 2)] == pytest.approx(list(stats.t.ppf(0.975, [1, 2])))
    for freedom in (3, 5, 15, 47, 400):
        assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=0.004 if freedom < 15 else 1e-5)


def test_no_freedom_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="0 degrees of freedom"):
        student(0)


def test_one_sample_a_task_makes_every_task_one_observation() -> None:
    assert effective_samples([Tally(1, 1)] * 6 + [Tally(0, 1)] * 14) == pytest.approx(20)


def test_tasks_of_all_or_nothing_count_once_however_often_they_are_sampled() -> None:
    assert effective_samples([Tally(8, 8)] * 6 + [Tally(0, 8)] * 14) == pytest.approx(20)


def test_tasks_that_are_all_alike_count_every_sample() -> None:
    assert effective_samples([Tally(2, 4)] * 10) == 40


def test_effective_samples_follow_the_spread_between_tasks() -> None:
    # means 1, 1/2, 1/2, 0: p = 1/2, squares 1/2 and, for the doubtful quarter of a task, 1/8 (1/4 + 1/4) = 1/16;
    # 1/4 divided by 9/16 / (4 * 3) = 16/3
    assert effective_samples([Tally(4, 4), Tally(2, 4), Tally(2, 4), Tally(0, 4)]) == pytest.approx(16 / 3)


def test_the_score_interval_is_wilsons_when_every_task_has_one_sample() -> None:
    low, high = score_interval([Tally(1, 1)] * 90 + [Tally(0, 1)] * 310)
    wilson = stats.binomtest(90, 400).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((wilson.low, wilson.high), abs=3e-4)  # Student's quantile for the normal one


def test_forty_eight_failures_leave_room_for_a_rate_of_seven_percent() -> None:
    # upper limit t^2 / (n + t^2) with t = 2.0117 at 47 degrees of freedom
    low, high = score_interval([Tally(0, 4)] * 48)
    assert (low, high) == (0.0, pytest.approx(2.0117**2 / (48 + 2.0117**2), abs=1e-4))


def test_one_task_says_nothing_about_the_others() -> None:
    assert score_interval([Tally(4, 4)]) == (0.0, 1.0)


def test_the_change_of_uncorrelated_scores_adds_their_distances_as_squares() -> None:
    # after 3/4 and before 1/4 over four tasks in which every combination is balanced: correlation 0
    after = [Tally(1, 1)] * 12 + [Tally(0, 1)] * 4
    before = [Tally(1, 1)] * 3 + [Tally(0, 1)] * 9 + [Tally(1, 1)] * 1 + [Tally(0, 1)] * 3
    low, high = change_score_interval([Pair(a, b) for a, b in zip(after, before, strict=True)])
    one, other = score_interval(after), score_interval(before)
    assert low == pytest.approx(0.5 - math.hypot(0.75 - one.low, other.high - 0.25))
    assert high == pytest.approx(0.5 + math.hypot(one.high - 0.75, 0.25 - other.low))


def test_the_change_between_identical_records_is_narrow_where_scores_vary() -> None:
    alike = [Tally(2, 4), Tally(0, 4), Tally(4, 4), Tally(1, 4)] * 12
    low, high = change_score_interval([Pair(tally, tally) for tally in alike])
    assert low <= 0 <= high
    assert high - low < 0.03


def test_the_mean_of_equal_independent_cells_narrows_with_the_root_of_their_number() -> None:
    one = mean_score_interval([0.4], [score_interval([Tally(2, 5)] * 30)])
    four = mean_score_interval([0.4] * 4, [score_interval([Tally(2, 5)] * 30)] * 4)
    assert 0.4 - four.low == pytest.approx((0.4 - one.low) / 2)
    assert four.high - 0.4 == pytest.approx((one.high - 0.4) / 2)


def test_the_bootstrap_agrees_with_scipys_bca_at_the_widened_level() -> None:
    values = np.array([0.0] * 20 + [0.25] * 8 + [0.5] * 6 + [1.0] * 14)
    level = 1 - 2 * NormalDist().cdf(-math.sqrt(48 / 47) * stats.t.ppf(0.975, 47))
    peer = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, confidence_level=level, method="BCa", rng=np.random.default_rng(5)
    ).confidence_interval
    assert bca_interval([alone(values)]) == pytest.approx((peer.low, peer.high), abs=0.006)


def test_the_bootstrap_of_two_cells_resamples_tasks_within_their_own_cell() -> None:
    certain, even = np.ones(40), np.array([0.0, 1.0] * 20)
    low, high = bca_interval([alone(certain), alone(even)])
    single = bca_interval([alone(even)])
    assert (low, high) == pytest.approx((0.5 + single.low / 2, 0.5 + single.high / 2), abs=0.013)


def test_equal_values_have_no_bootstrap_interval() -> None:
    assert bca_interval([alone(np.full(20, 0.5))]) == (0.5, 0.5)


def test_equal_data_gives_equal_intervals_in_any_order() -> None:
    cell = [Tally(0, 4), Tally(1, 4), Tally(4, 4), Tally(2, 3)] * 9
    assert success([cell]) == success([cell]) == success([cell[::-1]])


def test_an_interval_never_collapses_because_all_tasks_agree() -> None:
    assert success([[Tally(4, 4)] * 32]).low == pytest.approx(0.885, abs=0.001)
    value, low, high = change([[Pair(Tally(0, 4), Tally(0, 4))] * 32])
    assert (value, low, high) == (0.0, pytest.approx(-0.115, abs=0.001), pytest.approx(0.115, abs=0.001))


def test_cells_weigh_the_same_however_many_tasks_they_have() -> None:
    assert success([[Tally(1, 1)] * 3, [Tally(0, 1)] * 30]).value == 0.5
    assert change([[Pair(Tally(1, 1), Tally(0, 1))] * 3, [Pair(Tally(0, 1), Tally(0, 1))] * 30]).value == 0.5


def test_cells_without_tasks_are_left_out() -> None:
    assert success([[], [Tally(1, 2)]]) == success([[Tally(1, 2)]])
    assert success([[]]) == change([]) == Estimate(None, None, None)


@settings(max_examples=40, deadline=None)
@given(st.lists(cells, min_size=1, max_size=3))
def test_a_success_estimate_lies_in_its_interval_and_that_in_zero_to_one(several: list[list[Tally]]) -> None:
    value, low, high = success(several, resamples=100)
    assert None not in (value, low, high)
    assert 0 <= low <= value <= high <= 1


@settings(max_examples=40, deadline=None)
@given(st.lists(paired, min_size=1, max_size=3))
def test_a_change_estimate_lies_in_its_interval_and_swapping_policies_mirrors_it(several: list[list[Pair]]) -> None:
    value, low, high = change(several, resamples=100)
    assert None not in (value, low, high)
    assert -1 <= low <= value <= high <= 1
    swapped = change([[Pair(pair.before, pair.after) for pair in cell] for cell in several], resamples=100)
    assert swapped.value == pytest.approx(-value)
