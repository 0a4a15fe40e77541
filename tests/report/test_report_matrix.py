"""A study's cells in rows and columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rftcore.report.matrix import (
    GROUPS,
    Column,
    beats_floor,
    below_limit,
    chain,
    columns,
    every_cell,
    gained,
    group_of,
    matrix,
    significant,
)
from rftcore.schemas.report import Axes, Cell, Report, StageReport


def cell_of(small: Callable[..., Report], **changes: object) -> Cell:
    return small(**changes).axes.transfer[1]


def test_base_comes_first_and_references_are_apart(study: tuple[Path, Report]) -> None:
    arranged = matrix(study[1], "transfer")
    assert arranged.rows == ("base", "textcraft", "babyai")
    assert arranged.references == ("random", "oracle")
    assert len(arranged.cells) == (3 + 2) * 6


def test_base_is_borrowed_from_another_axis_when_this_one_does_not_list_it(small: Callable[..., Report]) -> None:
    report = small()
    base, trained = report.axes.transfer
    moved = report.model_copy(update={"axes": Axes(difficulty=[base], transfer=[trained])})
    assert matrix(moved, "transfer").rows == ("base", "maze")


def test_an_axis_without_cells_has_no_rows_even_when_another_has_base(small: Callable[..., Report]) -> None:
    assert matrix(small(), "sequence").rows == ()


def test_difficulties_of_one_environment_stand_side_by_side(small: Callable[..., Report]) -> None:
    places = [("a", "easy"), ("b", "easy"), ("a", "hard")]
    cells = [cell_of(small, environment=name, difficulty=level) for name, level in places]
    assert columns(cells) == (Column("a", "easy"), Column("a", "hard"), Column("b", "easy"))


def test_a_cell_on_two_axes_is_counted_once_with_its_larger_adjusted_p(small: Callable[..., Report]) -> None:
    mild, strict = cell_of(small, p_adjusted=0.02), cell_of(small, p_adjusted=0.08)
    report = small().model_copy(update={"axes": Axes(difficulty=[strict], transfer=[mild])})
    assert [found.p_adjusted for found in every_cell(report)] == [0.08]


def test_a_chain_follows_parents_and_survives_a_circle(small: Callable[..., Report]) -> None:
    def stage(name: str, parent: str) -> StageReport:
        return StageReport(
            name=name, parent=parent, pools=[], budget={}, backward=None, forward=None, largest_drop=None
        )

    line = small().model_copy(update={"stages": [stage("a", "base"), stage("a>b", "a")]})
    assert chain(line, "a>b") == ["base", "a", "a>b"]
    circle = small().model_copy(update={"stages": [stage("a", "b"), stage("b", "a")]})
    assert chain(circle, "a") == ["b", "a"]


def test_significance_needs_the_adjusted_p_and_is_strict(small: Callable[..., Report]) -> None:
    verdicts = [significant(cell_of(small, p_value=0.001, p_adjusted=p)) for p in (0.049, 0.05, None)]
    assert verdicts == [True, False, False]


def test_a_change_is_below_the_limit_only_when_smaller_than_it(small: Callable[..., Report]) -> None:
    changes = (0.1, -0.149, 0.15, -0.3, None)
    assert [below_limit(cell_of(small, delta_vs_base=change)) for change in changes] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_the_floor_is_beaten_by_what_is_above_it_and_significant(small: Callable[..., Report]) -> None:
    pairs = [(0.1, 0.049), (0.1, 0.05), (-0.1, 0.01), (None, None)]
    assert [beats_floor(cell_of(small, delta_vs_floor=delta, p_vs_floor_adjusted=p)) for delta, p in pairs] == [
        True,
        False,
        False,
        False,
    ]


def test_a_gain_is_significant_and_upwards(small: Callable[..., Report]) -> None:
    assert gained(cell_of(small))
    assert not gained(cell_of(small, delta_vs_base=-0.2))
    assert not gained(cell_of(small, p_adjusted=0.05))


def test_groups_tell_the_difficulty_trained_on_from_others_of_the_environment(small: Callable[..., Report]) -> None:
    cells = [
        cell_of(small),
        cell_of(small, trained_on=False),
        cell_of(small, trained_on=False, role="held-out"),
        small().axes.transfer[0],
    ]
    assert [group_of(cell) for cell in cells] == [*GROUPS, "base"]
