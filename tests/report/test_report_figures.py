"""Figures are written one way everywhere."""

from __future__ import annotations

import pytest

from rftcore.report.figures import (
    at_most,
    bounds,
    count,
    duration,
    mean,
    moment,
    percent,
    points,
    probability,
    signed_bounds,
    typeset,
)


def test_scores_are_percentages_with_one_decimal() -> None:
    assert [percent(0.7416), percent(0.0), percent(1.0), percent(None)] == ["74.2", "0.0", "100.0", "-"]


@pytest.mark.parametrize(
    ("change", "text"), [(0.0312, "+3.1"), (-0.5, "-50.0"), (0.0, "0.0"), (-0.0004, "0.0"), (None, "-")]
)
def test_changes_carry_their_sign_unless_they_round_to_nothing(change: float | None, text: str) -> None:
    assert points(change) == text


def test_interval_bounds_are_whole_numbers() -> None:
    assert bounds(0.661, 0.809) == "66 to 81"
    assert signed_bounds(-0.02, 0.312) == "-2 to +31"
    assert signed_bounds(-0.001, 0.31) == "0 to +31"
    assert bounds(None, 0.5) == "-"


def test_probabilities_are_never_printed_as_zero() -> None:
    assert [probability(0.00004), probability(0.0312), probability(1.0)] == ["<0.001", "0.031", "1.000"]


def test_means_lose_the_decimal_when_they_are_large() -> None:
    assert [mean(4.1937), mean(624.58), mean(None)] == ["4.2", "625", "-"]


def test_durations_and_counts_read_like_speech() -> None:
    assert [duration(512.3), duration(59.6), duration(7260.0)] == ["8 min 32 s", "1 min 0 s", "2 h 1 min"]
    assert [count(1, "cell"), count(2000, "cell"), count(0, "success", "successes")] == [
        "1 cell",
        "2,000 cells",
        "0 successes",
    ]


def test_typesetting_touches_minus_signs_and_no_hyphens() -> None:
    assert (
        typeset("held-in fell by -3.1 (-5 to +1) in stage-2") == "held-in fell by \u22123.1 (\u22125 to +1) in stage-2"
    )
    assert typeset("-") == "\u2013"


def test_an_upper_bound_is_never_below_its_value() -> None:
    values = [0.0000134, 0.00001, 0.00091, 0.0000096, 0.0]
    assert [at_most(value) for value in values] == ["2e-05", "1e-05", "1e-03", "1e-05", "0e+00"]
    assert all(float(at_most(value)) >= value for value in values)


def test_a_moment_is_written_for_people_and_in_utc() -> None:
    assert moment("2026-11-25T22:58:26+00:00") == "25 November 2026, 22:58 UTC"
    assert moment("2026-08-03T00:15:00+02:00") == "2 August 2026, 22:15 UTC"
    assert moment("some day") == "some day"
