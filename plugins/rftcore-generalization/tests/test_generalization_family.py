"""Near-copies count as one observation, in every statistic."""

from __future__ import annotations

import numpy as np
import pytest

from rftcore_generalization.detectable import minimum_detectable
from rftcore_generalization.family import deviations, family_totals, members
from rftcore_generalization.intervals import change, success
from rftcore_generalization.permutation import paired_permutation
from rftcore_generalization.score import effective_samples, score_interval
from rftcore_generalization.tally import Pair, Tally


def copies(tallies: list[Tally], times: int) -> list[Tally]:
    """Every task `times` times over, the copies of one task in one family."""
    return [
        Tally(tally.successes, tally.samples, f"family {place}")
        for place, tally in enumerate(tallies)
        for _ in range(times)
    ]


def test_tasks_without_a_family_are_alone_and_others_stand_with_their_like() -> None:
    tasks = [Tally(1, 1, "stick"), Tally(0, 1), Tally(1, 1, "door"), Tally(0, 1, "stick"), Tally(0, 1)]
    assert members(tasks) == [[0, 3], [1], [2], [4]]


def test_totals_and_deviations_of_uneven_families_by_hand() -> None:
    tasks = [Tally(1, 1, "a"), Tally(1, 2, "a"), Tally(0, 1, "b")]
    totals = family_totals(tasks, [task.mean for task in tasks])
    assert totals.tolist() == [[1.0, 0.0], [2.0, 1.5]]
    # the mean over tasks is 1/2: b is 1/2 below one such task, a 1/2 above two, in units of 3/2 tasks
    assert deviations(totals).tolist() == pytest.approx([-1 / 3, 1 / 3])


@pytest.mark.parametrize("times", [2, 20])
def test_copying_every_task_changes_no_interval_no_test_and_no_limit(times: int) -> None:
    after = [Tally(3, 4), Tally(0, 4), Tally(4, 4), Tally(2, 4), Tally(4, 4)] * 6
    before = [Tally(1, 4), Tally(0, 4), Tally(3, 4), Tally(2, 4), Tally(0, 4)] * 6
    pairs = [Pair(*both) for both in zip(after, before, strict=True)]
    copied = [Pair(*both) for both in zip(copies(after, times), copies(before, times), strict=True)]
    assert paired_permutation(copied) == pytest.approx(paired_permutation(pairs))
    assert minimum_detectable(copied) == pytest.approx(minimum_detectable(pairs))
    assert tuple(change([copied])) == pytest.approx(tuple(change([pairs])), abs=0.009)
    assert tuple(success([copies(after, times)])) == pytest.approx(tuple(success([after])), abs=0.009)


def test_copies_taken_for_tasks_of_their_own_would_promise_twice_the_precision() -> None:
    one = [Tally(4, 4)] * 10 + [Tally(0, 4)] * 20
    honest, naive = score_interval(copies(one, 4)), score_interval(one * 4)
    assert (honest.high - honest.low) / (naive.high - naive.low) == pytest.approx(2.0, abs=0.1)


def test_effective_samples_are_never_fewer_than_the_families_of_even_size() -> None:
    assert effective_samples(copies([Tally(4, 4)] * 6 + [Tally(0, 4)] * 14, 5)) == pytest.approx(20)
    assert effective_samples(copies([Tally(4, 4)] * 20, 5)) == pytest.approx(20)


def test_a_large_family_beside_small_ones_counts_for_less_than_a_family_each() -> None:
    # sizes 6, 1, 1: (6 + 1 + 1)^2 / (36 + 1 + 1) = 64 / 38
    tasks = [Tally(0, 1, "large")] * 6 + [Tally(0, 1), Tally(0, 1)]
    assert effective_samples(tasks) == pytest.approx(64 / 38)


def test_signs_of_a_family_turn_together() -> None:
    # differences +1 and +1 in one family and +1 alone: of 4 sign patterns only ++ and -- reach 3
    pairs = [Pair(Tally(1, 1, "a"), Tally(0, 1, "a"))] * 2 + [Pair(Tally(1, 1), Tally(0, 1))]
    assert paired_permutation(pairs) == 0.5
    # differences +1 and -1 in one family cancel: nothing is left to turn
    assert (
        paired_permutation([Pair(Tally(1, 1, "a"), Tally(0, 1, "a")), Pair(Tally(0, 1, "a"), Tally(1, 1, "a"))]) == 1.0
    )


def test_one_family_says_nothing_about_others_however_many_tasks_it_has() -> None:
    one = [Tally(3, 4, "a"), Tally(1, 4, "a"), Tally(4, 4, "a")]
    assert score_interval(one) == (0.0, 1.0)
    assert minimum_detectable([Pair(task, task) for task in one]) is None


def test_the_score_stays_the_mean_over_tasks_however_uneven_families_are() -> None:
    tasks = [Tally(1, 1, "a")] * 3 + [Tally(0, 1, "b")]
    value, low, high = success([tasks])
    assert value == 0.75
    assert low is not None
    assert high is not None
    assert low < 0.3 < 0.99 < high


def test_the_order_of_tasks_within_and_between_families_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    tasks = [Tally(int(rng.integers(0, 5)), 4, f"f{place % 7}") for place in range(40)]
    turned = [tasks[place] for place in rng.permutation(40)]
    assert success([tasks]) == success([turned])
