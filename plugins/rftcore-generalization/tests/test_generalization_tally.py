from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rftcore_generalization.tally import Pair, Tally, avg_at_k, pass_at_k


def test_avg_at_k_is_the_mean_of_the_tasks_own_rates() -> None:
    assert avg_at_k([Tally(4, 4), Tally(1, 4), Tally(0, 4)]) == pytest.approx(5 / 12)


def test_a_task_that_lost_samples_weighs_as_much_as_any_other() -> None:
    assert avg_at_k([Tally(1, 1), Tally(0, 3)]) == 0.5


def test_without_tasks_there_is_no_score() -> None:
    assert avg_at_k([]) is None
    assert pass_at_k([], 2) is None


def test_pass_at_k_agrees_with_the_closed_form_by_hand() -> None:
    # c = 1 of n = 4, k = 2: 1 - C(3, 2) / C(4, 2) = 1 - 3 / 6
    assert pass_at_k([Tally(1, 4)], 2) == 0.5
    # c = 3 of n = 5, k = 2: 1 - C(2, 2) / C(5, 2) = 1 - 1 / 10
    assert pass_at_k([Tally(3, 5)], 2) == 0.9
    # mean over both tasks
    assert pass_at_k([Tally(1, 4), Tally(3, 5)], 2) == pytest.approx(0.7)


def test_pass_at_all_samples_asks_whether_any_succeeded() -> None:
    assert pass_at_k([Tally(1, 4), Tally(0, 4), Tally(4, 4), Tally(0, 4)], 4) == 0.5


def test_a_task_with_too_few_samples_is_left_out_of_pass_at_k() -> None:
    assert pass_at_k([Tally(0, 4), Tally(1, 3)], 4) == 0.0
    assert pass_at_k([Tally(1, 3)], 4) is None


def test_a_k_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="k is 0; expected at least 1"):
        pass_at_k([Tally(1, 4)], 0)


@settings(deadline=None)
@given(n=st.integers(1, 7), data=st.data())
def test_pass_at_k_counts_the_subsets_that_hold_a_success(n: int, data: st.DataObject) -> None:
    successes, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    outcomes = [1] * successes + [0] * (n - successes)
    subsets = list(combinations(outcomes, k))
    assert pass_at_k([Tally(successes, n)], k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_a_pair_knows_its_change() -> None:
    assert Pair(after=Tally(3, 4), before=Tally(1, 2)).change == 0.25
