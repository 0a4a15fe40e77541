from __future__ import annotations

import pytest

from rftcore_generalization.detectable import minimum_detectable
from rftcore_generalization.tally import Pair, Tally


def pair(after: int, before: int) -> Pair:
    return Pair(Tally(after, 4), Tally(before, 4))


def test_the_minimum_detectable_difference_by_hand() -> None:
    # differences +1/2 and -1/2, fifty each: s = 0.5 * sqrt(100 / 99), divided by sqrt(100), times 1.9600 + 0.8416
    pairs = [pair(3, 1), pair(1, 3)] * 50
    assert minimum_detectable(pairs) == pytest.approx(2.8016 * 0.5 * (100 / 99) ** 0.5 / 10, abs=1e-5)


def test_tasks_that_never_changed_do_not_rule_out_that_one_would() -> None:
    one_changed = [pair(4, 0)] + [pair(0, 0)] * 39
    none_changed = [pair(0, 0)] * 40
    assert minimum_detectable(none_changed) == pytest.approx(minimum_detectable(one_changed))
    assert minimum_detectable(none_changed) == pytest.approx(2.8016 / 40, abs=1e-5)


def test_two_tasks_detect_nothing_and_one_is_no_sample() -> None:
    assert minimum_detectable([pair(4, 0), pair(0, 4)]) == 1.0
    assert minimum_detectable([pair(4, 0)]) is None
    assert minimum_detectable([]) is None
