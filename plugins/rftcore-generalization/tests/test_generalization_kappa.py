"""Cohen's kappa of two readers and its interval, on counts small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rftcore_generalization.kappa import Reading, cohen_kappa, influence


def readings(both: int, first: int, second: int, neither: int) -> list[Reading]:
    """Return episodes like no other, of which so many had the label to both readers, to one of them, to neither."""
    return [
        *[Reading(True, True)] * both,
        *[Reading(True, False)] * first,
        *[Reading(False, True)] * second,
        *[Reading(False, False)] * neither,
    ]


def test_kappa_is_the_agreement_beyond_chance_out_of_what_chance_leaves() -> None:
    # p_o = 35/50 = 0.7; shares 25/50 and 30/50, so p_e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5; (0.7 - 0.5) / 0.5 = 0.4
    value, low, high = cohen_kappa(readings(20, 5, 10, 15))
    assert value == pytest.approx(0.4)
    assert low is not None and high is not None
    # the standard error of the next test is 0.127: 0.4 -+ 2.01 * 0.127, and a little for what the hull adds
    assert (low, high) == (pytest.approx(0.145, abs=0.05), pytest.approx(0.655, abs=0.05))


def test_the_influence_gives_the_variance_of_fleiss_cohen_and_everitt() -> None:
    # With p_o = 0.7 and p_e = 0.5 their formula has, for the two cells of agreement, 0.4 (0.5 - 1.1 * 0.3)^2 +
    # 0.3 (0.5 - 0.9 * 0.3)^2 = 0.02743; for the others 0.3^2 (0.1 * 1.1^2 + 0.2 * 0.9^2) = 0.02547; and takes away
    # (0.7 * 0.5 - 2 * 0.5 + 0.7)^2 = 0.0025. The sum 0.0504 is divided by 50 * 0.5^4.
    rows = np.array([[1, each.first != each.second, each.first, each.second] for each in readings(20, 5, 10, 15)])
    assert np.sum(influence(rows.astype(float)) ** 2) / 50**2 == pytest.approx(0.0504 / 3.125)


def test_readers_who_contradict_each_other_are_worse_than_chance() -> None:
    # p_o = 0 and p_e = 0.5
    assert cohen_kappa(readings(0, 10, 10, 0)).value == -1


def test_readers_who_always_agreed_may_still_disagree_on_the_next_episode() -> None:
    # no disagreement on 50: Wilson's upper limit of their share is t^2 / (50 + t^2) = 0.0747 with t = 2.0096, and
    # 1 - p_e = 2 * 0.4 * 0.6 = 0.48
    value, low, high = cohen_kappa(readings(20, 0, 0, 30))
    assert (value, high) == (1, 1)
    assert low == pytest.approx(1 - 0.0747 / 0.48, abs=0.001)


@pytest.mark.parametrize("alike", [readings(0, 0, 0, 9), readings(9, 0, 0, 0), []])
def test_where_both_find_a_label_everywhere_or_nowhere_kappa_is_undefined(alike: list[Reading]) -> None:
    assert cohen_kappa(alike) == (None, None, None)


def test_one_reader_who_finds_a_label_nowhere_agrees_as_chance_would() -> None:
    value, low, high = cohen_kappa(readings(0, 4, 0, 16))
    assert value == pytest.approx(0)
    assert low is not None and high is not None and low < 0 < high


def test_near_copies_of_an_episode_make_kappa_no_more_certain() -> None:
    alone = readings(16, 3, 2, 19)
    copied = [each._replace(family=str(place)) for place, each in enumerate(alone) for _ in range(4)]
    value, low, high = cohen_kappa(copied)
    single = cohen_kappa(alone)
    assert value == pytest.approx(single.value)
    assert (low, high) == (pytest.approx(single.low, abs=0.02), pytest.approx(single.high, abs=0.02))
    narrow = cohen_kappa(readings(64, 12, 8, 76))
    assert low is not None and narrow.low is not None and narrow.low > low + 0.1


def test_one_family_says_nothing_about_others() -> None:
    one = [each._replace(family="stick") for each in readings(2, 1, 0, 2)]
    assert (cohen_kappa(one).low, cohen_kappa(one).high) == (-1, 1)


def test_the_order_of_the_episodes_does_not_matter() -> None:
    found = readings(9, 2, 3, 12)
    assert cohen_kappa(found) == cohen_kappa(found[::-1])
