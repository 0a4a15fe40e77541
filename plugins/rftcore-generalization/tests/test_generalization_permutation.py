from __future__ import annotations

import math
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rftcore_generalization.permutation import exact_sign_flip, paired_permutation, sampled_sign_flip
from rftcore_generalization.tally import Pair, Tally


def test_three_tasks_that_all_improve_have_p_of_a_quarter() -> None:
    # of 8 sign patterns only +++ and --- reach the observed mean
    assert paired_permutation([Pair(Tally(1, 1), Tally(0, 1))] * 3) == 0.25


def test_unequal_differences_by_hand() -> None:
    # |+-1 +-2 +-3| >= |3 + 2 - 1| = 4 holds for sums 6, 4, -4, -6: 4 of 8 patterns
    assert exact_sign_flip([3, 2, -1]) == 0.5


def test_nothing_that_changed_is_no_evidence() -> None:
    assert paired_permutation([Pair(Tally(1, 4), Tally(1, 4))] * 10) == 1.0
    assert paired_permutation([Pair(Tally(2, 4), Tally(1, 2))]) == 1.0


def test_tasks_that_did_not_change_do_not_move_the_p_value() -> None:
    changed = [Pair(Tally(3, 4), Tally(1, 4))] * 5 + [Pair(Tally(1, 4), Tally(2, 4))] * 2
    assert paired_permutation(changed) == paired_permutation([*changed, *[Pair(Tally(0, 4), Tally(0, 4))] * 20])


def test_without_pairs_there_is_no_test() -> None:
    assert paired_permutation([]) is None


def test_one_sample_a_task_gives_the_sign_test_of_discordant_tasks() -> None:
    pairs = [Pair(Tally(1, 1), Tally(0, 1))] * 9 + [Pair(Tally(0, 1), Tally(1, 1))] * 2
    assert paired_permutation(pairs) == pytest.approx(stats.binomtest(9, 11).pvalue)


def test_twelve_tasks_agree_with_scipys_enumeration() -> None:
    rng = np.random.default_rng(4)
    after, before = rng.integers(0, 5, 12), rng.integers(0, 4, 12)
    peer = stats.permutation_test(
        (after / 4, before / 4),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    pairs = [Pair(Tally(int(a), 4), Tally(int(b), 4)) for a, b in zip(after, before, strict=True)]
    assert paired_permutation(pairs) == pytest.approx(peer.pvalue)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-7, 7), min_size=1, max_size=9))
def test_counting_agrees_with_writing_out_all_sign_patterns(steps: list[int]) -> None:
    sums = [
        sum(sign * step for sign, step in zip(signs, steps, strict=True))
        for signs in product((1, -1), repeat=len(steps))
    ]
    extreme = sum(abs(total) >= abs(sum(steps)) for total in sums)
    assert exact_sign_flip(steps) == pytest.approx(extreme / len(sums))


def test_drawn_sign_patterns_agree_with_counted_ones() -> None:
    steps = [3, -1, 2, 4, -2, 1, 1, 0, -3, 2, 2, -1, 3, 1, -2, 4] * 2
    exact = exact_sign_flip(steps)
    drawn = sampled_sign_flip([step / 4 for step in steps])
    assert 0.01 < exact < 0.1
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact / 99_999))


def test_drawn_p_values_are_never_zero_and_repeatable() -> None:
    assert sampled_sign_flip([1.0] * 60, flips=999) == 1 / 1000
    differences = [0.1, -0.2, 0.3, 0.25]
    assert sampled_sign_flip(differences, flips=999) == sampled_sign_flip(differences, flips=999)


def test_masked_samples_with_odd_denominators_are_counted_or_drawn() -> None:
    few = [Pair(Tally(1, 3), Tally(1, 4)), Pair(Tally(2, 5), Tally(1, 7)), Pair(Tally(1, 2), Tally(0, 8))]
    assert paired_permutation(few) == 0.25
    primes = (11, 13, 17, 19, 23, 29, 31)
    many = [Pair(Tally(1 + place % 3, prime), Tally(0, prime)) for place, prime in enumerate(primes)]
    assert paired_permutation(many) == pytest.approx(2 / 2**7, rel=0.15)


def test_a_thousand_and_more_tasks_give_a_positive_p_value() -> None:
    assert exact_sign_flip([1] * 2000) == sys.float_info.min
