"""Two runs on the same tasks: figures worked out by hand, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rftcore import RunError
from rftcore.metric import CellData
from rftcore_generalization.metric import Generalization

Make = Callable[..., CellData]


def test_a_cell_is_compared_task_by_task(make_cell: Make) -> None:
    before = make_cell("a", ["00", "00", "01", "11"])
    after = make_cell("b", ["11", "11", "11", "11"])
    (found,) = Generalization().compare([(before, after)])
    assert (found.before, found.after, found.tasks, found.families) == ("a", "b", 4, 4)
    assert found.before_avg_at_k == pytest.approx(3 / 8)
    assert found.after_avg_at_k == pytest.approx(1.0)
    assert found.change == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert found.change_ci_low is not None
    assert found.change_ci_high is not None
    assert found.change_ci_low < 5 / 8 < found.change_ci_high <= 1.0
    assert found.p_value == pytest.approx(2 / 8)  # of the signs of 1, 1 and 1/2 only all + and all - are as extreme
    assert found.p_adjusted == found.p_value


def test_holm_corrects_over_all_the_cells_that_are_compared(make_cell: Make) -> None:
    clear = make_cell("a", ["0"] * 6), make_cell("a", ["1"] * 6)
    vague = make_cell("a", ["0", "1", "0"], difficulty="hard"), make_cell("a", ["1", "1", "0"], difficulty="hard")
    first, second = Generalization().compare([clear, vague])
    assert (first.p_value, second.p_value) == (pytest.approx(2 / 2**6), pytest.approx(1.0))
    assert (first.p_adjusted, second.p_adjusted) == (pytest.approx(4 / 2**6), pytest.approx(1.0))


def test_a_task_that_the_machine_took_from_either_side_is_compared_on_neither(make_cell: Make) -> None:
    (found,) = Generalization().compare([(make_cell("a", ["00", "xx", "11"]), make_cell("b", ["11", "11", "xx"]))])
    assert (found.tasks, found.before_avg_at_k, found.after_avg_at_k, found.change) == (1, 0.0, 1.0, 1.0)


def test_without_a_task_that_both_played_nothing_is_stated(make_cell: Make) -> None:
    (found,) = Generalization().compare([(make_cell("a", ["x"]), make_cell("b", ["1"]))])
    assert found.tasks == 0
    assert {found.before_avg_at_k, found.change, found.change_ci_low, found.p_value, found.p_adjusted} == {None}


def test_different_tasks_are_an_error(make_cell: Make) -> None:
    with pytest.raises(RunError, match=r"were evaluated on different tasks: 1 occur in only one of them.*/001'"):
        Generalization().compare([(make_cell("a", ["1"]), make_cell("a", ["1", "0"]))])
