from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rftcore_generalization.holm import holm


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1 = 0.04, 0.06, 0.06, 0.04, the last lifted to 0.06
    assert holm([0.02, 0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.06, 0.04, 0.06])


def test_untested_cells_stay_empty_and_are_not_counted() -> None:
    assert holm([None, 0.02, None, 0.5]) == [None, 0.04, None, 0.5]


def test_nothing_is_adjusted_beyond_one() -> None:
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_never_reorders_and_never_exceeds_bonferroni(p_values: list[float]) -> None:
    adjusted = [p for p in holm(p_values) if p is not None]
    for raw, corrected in zip(p_values, adjusted, strict=True):
        assert raw <= corrected <= max(raw, min(1.0, raw * len(p_values)))
    ranked = [corrected for _, corrected in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)
