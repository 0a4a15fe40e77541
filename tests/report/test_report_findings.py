"""The plain sentences say what the figures allow, and no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rftcore.report.findings import findings, largest_fall, largest_gain
from rftcore.report.matrix import every_cell, gained, significant
from rftcore.schemas.report import Axes, Report, StageReport


def said(report: Report) -> str:
    return " ".join(findings(report))


def test_a_significant_gain_is_named_with_its_interval(small: Callable[..., Report]) -> None:
    text = said(small())
    assert "1 of 1 cell rose and none fell significantly" in text
    assert "the largest gain: maze on maze easy, +20.0 points (+10 to +30) to 50.0 %" in text


def test_a_change_that_is_not_significant_is_not_called_a_gain(small: Callable[..., Report]) -> None:
    text = said(small(delta_vs_base=0.1, p_adjusted=0.2))
    assert "none of 1 cell changed significantly" in text
    assert "gain" not in text
    assert "1 of 1 change is smaller" in text


def test_a_significant_loss_elsewhere_is_named(small: Callable[..., Report]) -> None:
    text = said(small(role="held-out", trained_on=False, delta_vs_base=-0.25, delta_ci_low=-0.4, delta_ci_high=-0.1))
    assert "In other environments (held-out), none of 1 cell rose and 1 fell significantly" in text
    assert "the largest loss: maze on maze easy, -25.0 points (-40 to -10)" in text


def test_significance_below_the_detectable_difference_is_flagged_as_too_large(small: Callable[..., Report]) -> None:
    text = said(small(delta_vs_base=0.1, p_adjusted=0.01))
    assert "1 of them significant all the same: such estimates tend to be too large" in text


def test_masked_samples_and_drift_are_said_aloud(small: Callable[..., Report]) -> None:
    stage = StageReport(
        name="maze", parent="base", pools=[], budget={}, backward=None, forward=None, largest_drop=None, drift=3
    )
    report = small().model_copy(update={"masked": 2, "stages": [stage]})
    assert "2 samples lost to failures of the machine and counted nowhere; 3 tokens of unconfirmed provenance" in said(
        report
    )


def test_forgetting_names_both_ends_and_the_worst_fall(small: Callable[..., Report]) -> None:
    stages = [
        StageReport(name="a>b", parent="a", pools=[], budget={}, backward=-0.172, forward=0.0, largest_drop=0.281),
        StageReport(name="b>a", parent="b", pools=[], budget={}, backward=0.01, forward=0.0, largest_drop=0.05),
    ]
    text = said(small().model_copy(update={"stages": stages}))
    assert "changed by -17.2 (a>b) to +1.0 (b>a) points on average" in text
    assert "the largest fall of any one cell is 28.1 points (a>b)" in text


def test_effort_is_compared_with_base_on_the_same_tasks(small: Callable[..., Report]) -> None:
    assert "Episodes there went from 3.0 to 2.0 turns and from 12.0 to 7.5 generated tokens" in said(
        small(turns=2.0, generated_tokens=7.5)
    )
    assert "Episodes there" not in said(small(role="held-out", trained_on=False))


def test_a_report_of_base_alone_says_that_there_is_nothing_to_compare(small: Callable[..., Report]) -> None:
    report = small()
    alone = report.model_copy(update={"axes": Axes(transfer=report.axes.transfer[:1])})
    assert findings(alone)[0].startswith("No trained checkpoint has been evaluated yet")
    assert largest_gain(alone, "trained on") is None


def test_the_counts_of_a_whole_study_match_its_cells(study: tuple[Path, Report]) -> None:
    report = study[1]
    own = [cell for cell in every_cell(report) if cell.trained_on]
    near = [cell for cell in every_cell(report) if cell.role == "held-in" and not cell.trained_on]
    rose = sum(significant(cell) and (cell.delta_vs_base or 0) > 0 for cell in own)
    assert rose > 0
    assert len(near) == 2
    assert f"that they were trained on, {rose} of {len(own)} cells rose" in said(report)
    assert "of 2 cells rose" in said(report)
    assert f"{sum(map(gained, every_cell(report)))} significant gains hold against random play too" in said(report)


def test_only_what_is_significant_is_called_the_largest(small: Callable[..., Report]) -> None:
    rose, fell, noise = small(), small(delta_vs_base=-0.2), small(p_adjusted=0.2)
    assert largest_gain(rose, "trained on") == rose.axes.transfer[1]
    assert largest_fall(fell, "trained on") == fell.axes.transfer[1]
    assert {largest_gain(noise, "trained on"), largest_fall(noise, "trained on")} == {None}
    assert {largest_gain(fell, "trained on"), largest_fall(rose, "trained on")} == {None}
    assert largest_gain(rose, "held-out") is None


def test_base_below_random_play_and_gains_that_do_not_hold_against_it_are_counted(small: Callable[..., Report]) -> None:
    below: dict[str, float] = {"delta_vs_floor": -0.1, "p_vs_floor": 0.01, "p_vs_floor_adjusted": 0.02}
    holds = {"delta_vs_floor": 0.1, "p_vs_floor": 0.01, "p_vs_floor_adjusted": 0.02}
    assert "Base is below random play in 1 of 1 set; 1 of 1 significant gain holds against random play too." in said(
        small(base=below, **holds)
    )
    assert "none of 1 significant gain hold against random play too" in said(
        small(base=below, **{**holds, "p_vs_floor_adjusted": 0.06})
    )
    assert "Base is below random play in none of 1 set." in said(small(base=holds, p_adjusted=0.3, **holds))
    assert "random" not in said(small())


def test_near_copies_among_the_tasks_are_said(small: Callable[..., Report]) -> None:
    assert "10 tasks a set (of 4 to 10 families: near-copies count once), 2 samples" in said(small(families=4))
    assert "10 tasks a set, 2 samples a task" in said(small())
