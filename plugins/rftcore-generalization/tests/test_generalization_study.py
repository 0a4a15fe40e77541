from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from rftcore.errors import RunError
from rftcore.metric import CellData, StudyData, StudyFigures
from rftcore.schemas.report import StageReport
from rftcore.schemas.trajectory import Group
from rftcore_generalization.metric import Generalization

CRAFT_BASE = ["1000", "0000", "1100", "0000"] * 8
CRAFT_BETTER = ["1110", "0100", "1111", "0000"] * 8
CRAFT_LATER = ["1110", "0000", "1110", "0000"] * 8
GRID_BASE = ["1111", "0000", "1010", "0100"] * 8
GRID_WORSE = ["1110", "0000", "1000", "0000"] * 8
GRID_BETTER = ["1111", "1100", "1111", "0110"] * 8


def stage(name: str, parent: str, *pools: str) -> StageReport:
    return StageReport(
        name=name, parent=parent, pools=list(pools), budget={}, backward=None, forward=None, largest_drop=None
    )


@pytest.fixture
def data(make_cell: Callable[..., CellData]) -> StudyData:
    return StudyData(
        cells=[
            make_cell("base", CRAFT_BASE, "craft"),
            make_cell("base", GRID_BASE, "grid", "hard"),
            make_cell("craft", GRID_WORSE, "grid", "hard"),
            make_cell("craft", CRAFT_BETTER, "craft"),
            make_cell("craft>grid", CRAFT_LATER, "craft"),
            make_cell("craft>grid", GRID_BETTER, "grid", "hard"),
        ],
        references=[make_cell("oracle", ["1"] * 32, "craft"), make_cell("random", ["0"] * 32, "craft")],
        axes={"difficulty": [], "transfer": ["craft"], "sequence": ["craft", "craft>grid"]},
        stages=[stage("craft", "base", "craft:easy"), stage("craft>grid", "craft", "grid:easy", "grid:hard")],
        trained_on={
            "craft": frozenset({("craft", "easy")}),
            "craft>grid": frozenset({("craft", "easy"), ("grid", "easy"), ("grid", "hard")}),
        },
        seed=0,
    )


@pytest.fixture
def found(data: StudyData) -> StudyFigures:
    return Generalization().study(data)


def as_json(figures: StudyFigures) -> str:
    return json.dumps(
        {
            "axes": figures.axes.model_dump(mode="json"),
            "references": [cell.model_dump(mode="json") for cell in figures.references],
            "stages": [one.model_dump(mode="json") for one in figures.stages],
            "summary": figures.summary,
            "minimum_detectable": figures.minimum_detectable,
        },
        allow_nan=False,
    )


def test_an_axis_is_base_and_then_its_checkpoints_with_the_same_columns(found: StudyFigures) -> None:
    places = [(cell.train, cell.environment, cell.difficulty) for cell in found.axes.sequence]
    columns = [("craft", "easy"), ("grid", "hard")]
    assert places == [(train, *column) for train in ("base", "craft", "craft>grid") for column in columns]
    assert [cell.train for cell in found.axes.transfer] == ["base", "base", "craft", "craft"]
    assert [cell.train for cell in found.axes.difficulty] == ["base", "base"]


def test_a_cell_is_held_in_only_where_its_checkpoint_was_trained(found: StudyFigures) -> None:
    roles = [cell.role for cell in found.axes.sequence]
    assert roles == ["base", "base", "held-in", "held-out", "held-in", "held-in"]


def test_a_cell_knows_whether_its_checkpoint_was_trained_on_that_very_difficulty(
    data: StudyData, make_cell: Callable[..., CellData]
) -> None:
    cells = [
        *data.cells[:2],
        make_cell("base", CRAFT_BASE, "craft", "hard"),
        make_cell("craft", CRAFT_BETTER, "craft"),
        make_cell("craft", CRAFT_LATER, "craft", "hard"),
        make_cell("craft", GRID_WORSE, "grid", "hard"),
    ]
    figures = Generalization().study(replace(data, cells=cells, axes={"transfer": ["craft"]}, stages=data.stages[:1]))
    known = {(cell.train, cell.environment, cell.difficulty): cell for cell in figures.axes.transfer}
    assert {place for place, cell in known.items() if cell.trained_on} == {("craft", "craft", "easy")}
    assert known["craft", "craft", "hard"].role == "held-in"


def test_every_score_is_also_compared_with_random_play(data: StudyData, make_cell: Callable[..., CellData]) -> None:
    floor = make_cell("random", ["1100", "0000", "1110", "1000"] * 8, "craft")  # 6/16, twice as good as base
    found = Generalization().study(replace(data, references=[data.references[0], floor]))
    base, grid, craft, _ = found.axes.transfer
    assert base.delta_vs_floor == pytest.approx(3 / 16 - 6 / 16)
    assert base.delta_vs_floor_ci_low < base.delta_vs_floor < base.delta_vs_floor_ci_high < 0
    assert craft.delta_vs_floor == pytest.approx(8 / 16 - 6 / 16)
    # 24 tasks changed, all downwards
    assert base.p_vs_floor == pytest.approx(2 / 2**24)
    assert base.p_vs_floor_adjusted == pytest.approx(2 * base.p_vs_floor)  # two cells of the axis have a floor
    assert grid.delta_vs_floor is None
    assert grid.p_vs_floor_adjusted is None
    oracle, itself = found.references
    assert oracle.delta_vs_floor == pytest.approx(10 / 16)
    assert (itself.delta_vs_floor, itself.p_vs_floor) == (None, None)


def test_without_random_play_nothing_is_compared_with_the_floor(data: StudyData) -> None:
    found = Generalization().study(replace(data, references=data.references[:1]))
    assert {cell.delta_vs_floor for cell in (*found.axes.sequence, *found.references)} == {None}


def test_tasks_of_one_family_are_counted_once(data: StudyData, make_cell: Callable[..., CellData]) -> None:
    def related(cell: CellData) -> CellData:
        """Every four tasks that follow each other become variants of one goal."""
        groups = [
            group.model_copy(update={"task": group.task.model_copy(update={"family": f"goal {place // 4}"})})
            for place, group in enumerate(cell.groups)
        ]
        return replace(cell, groups=groups)

    alone = Generalization().study(data).axes.transfer[2]
    cell = Generalization().study(replace(data, cells=[related(cell) for cell in data.cells])).axes.transfer[2]
    assert (alone.tasks, alone.families) == (32, 32)
    assert (cell.tasks, cell.families) == (32, 8)
    assert (cell.avg_at_k, cell.delta_vs_base) == (alone.avg_at_k, alone.delta_vs_base)
    assert cell.p_value == pytest.approx(2 / 2**8)  # eight goals, all upwards


def test_base_is_compared_with_nothing(found: StudyFigures) -> None:
    for cell in found.axes.transfer[:2]:
        compared = (cell.delta_vs_base, cell.delta_ci_low, cell.delta_ci_high, cell.p_value, cell.p_adjusted)
        assert compared == (None,) * 5
        assert cell.minimum_detectable is None


def test_a_cell_states_score_change_and_interval(found: StudyFigures) -> None:
    craft = found.axes.transfer[2]
    assert craft.avg_at_k == 0.5
    assert craft.delta_vs_base == pytest.approx(0.5 - 3 / 16)
    assert (craft.tasks, craft.k, craft.masked, craft.pass_at_k) == (32, 4, 0, 0.75)
    assert craft.ci_low < 0.5 < craft.ci_high
    assert 0 < craft.delta_ci_low < craft.delta_vs_base < craft.delta_ci_high
    assert craft.p_value == pytest.approx(2 / 2**24)  # 24 tasks changed, all upwards
    assert craft.trajectories == "evaluations/craft/craft-easy.jsonl"
    grid = found.axes.transfer[3]
    assert grid.delta_vs_base == pytest.approx(-3 / 16)
    assert grid.delta_ci_high < 0


def test_holm_counts_the_comparisons_of_one_axis(found: StudyFigures) -> None:
    two, four = found.axes.transfer[2:], found.axes.sequence[2:]
    least = min(two, key=lambda cell: cell.p_value)
    assert least.p_adjusted == pytest.approx(2 * least.p_value)
    assert min(cell.p_adjusted for cell in four) == pytest.approx(4 * min(cell.p_value for cell in four))


def test_references_are_compared_with_base_on_the_same_tasks(found: StudyFigures) -> None:
    oracle, floor = found.references
    assert (oracle.role, oracle.avg_at_k, floor.avg_at_k) == ("reference", 1.0, 0.0)
    assert oracle.delta_vs_base == pytest.approx(13 / 16)
    assert floor.delta_vs_base == pytest.approx(-3 / 16)


def test_stages_state_what_was_gained_and_lost(found: StudyFigures) -> None:
    first, second = found.stages
    assert first.backward is None  # nothing was trained before
    assert first.forward == pytest.approx(-3 / 16)
    assert first.largest_drop == pytest.approx(3 / 16)
    assert second.backward == pytest.approx(-2 / 16)  # craft: 8/16 before, 6/16 after
    assert second.forward is None  # every environment was trained in by now
    assert second.largest_drop == pytest.approx(2 / 16)


def test_backward_tells_the_difficulties_of_one_environment_apart(
    data: StudyData, make_cell: Callable[..., CellData]
) -> None:
    rows: dict[str, tuple[list[str], list[str]]] = {
        "base": (CRAFT_BASE, GRID_WORSE),
        "craft:easy": (CRAFT_BETTER, GRID_WORSE),
        "craft:easy>craft:hard": (CRAFT_LATER, GRID_BETTER),
        "craft:easy>craft:hard>craft:easy": (CRAFT_BETTER, GRID_BASE),
    }
    cells = [
        make_cell(train, tasks, "craft", difficulty)
        for train, both in rows.items()
        for difficulty, tasks in zip(("easy", "hard"), both, strict=True)
    ]
    easy, hard = ("craft", "easy"), ("craft", "hard")
    _, first, second, third = rows
    figures = Generalization().study(
        StudyData(
            cells=cells,
            references=[],
            axes={"difficulty": [first, second, third]},
            stages=[
                stage(first, "base", "craft:easy"),
                stage(second, first, "craft:hard"),
                stage(third, second, "craft:easy"),
            ],
            trained_on={
                first: frozenset({easy}),
                second: frozenset({easy, hard}),
                third: frozenset({easy, hard}),
            },
            seed=0,
        )
    )
    one, two, three = figures.stages
    assert (one.backward, one.forward) == (None, 0.0)  # hard was not trained on, and stayed at 4/16
    assert two.backward == pytest.approx(-2 / 16)  # easy fell from 8/16 to 6/16, whatever hard gained
    assert two.forward is None
    assert three.backward == pytest.approx(7 / 16 - 12 / 16)  # only hard was left alone: 12/16 before, 7/16 after
    assert three.largest_drop == pytest.approx(5 / 16)


def test_a_stage_that_only_gains_has_a_drop_of_zero(data: StudyData, make_cell: Callable[..., CellData]) -> None:
    cells = [cell for cell in data.cells if cell.environment == "craft" and cell.train != "craft>grid"]
    figures = Generalization().study(replace(data, cells=cells, axes={}, stages=data.stages[:1]))
    assert figures.stages[0].largest_drop == 0.0
    assert figures.stages[0].forward is None


def test_the_summary_separates_held_in_from_held_out(found: StudyFigures) -> None:
    first, last = found.summary
    assert (first["train"], last["train"]) == ("craft", "craft>grid")
    assert first["held_in"] == 0.5
    assert first["held_in_delta"] == pytest.approx(5 / 16)
    assert first["held_out"] == pytest.approx(4 / 16)
    assert first["held_out_delta"] == pytest.approx(-3 / 16)
    assert first["held_out_delta_ci_low"] < -3 / 16 < first["held_out_delta_ci_high"] < 0
    assert last["held_in"] == pytest.approx((6 / 16 + 12 / 16) / 2)
    assert last["held_in_delta_ci_low"] < last["held_in_delta"] < last["held_in_delta_ci_high"]
    assert {last[key] for key in last if key.startswith("held_out")} == {None}


def test_the_whole_studys_minimum_is_the_largest_of_its_cells(found: StudyFigures) -> None:
    cells = [cell for axis in (found.axes.transfer, found.axes.sequence) for cell in axis]
    assert found.minimum_detectable == max(cell.minimum_detectable or 0.0 for cell in cells)


def test_equal_data_gives_equal_bytes_in_whatever_order_groups_come(data: StudyData, found: StudyFigures) -> None:
    turned = replace(data, cells=[replace(cell, groups=list(cell.groups)[::-1]) for cell in data.cells])
    assert as_json(Generalization().study(data)) == as_json(found) == as_json(Generalization().study(turned))


def test_a_checkpoint_in_another_order_of_columns_still_lines_up_with_base(data: StudyData) -> None:
    moved = [*data.cells[2:], *data.cells[:2]]
    assert as_json(Generalization().study(replace(data, cells=moved))).count("0.5") > 0
    columns = [
        (cell.environment, cell.difficulty) for cell in Generalization().study(replace(data, cells=moved)).axes.transfer
    ]
    assert columns == [("craft", "easy"), ("grid", "hard")] * 2


def test_lost_samples_drop_out_of_both_sides_and_are_counted(
    data: StudyData, make_cell: Callable[..., CellData]
) -> None:
    after = ["xxxx", "1xxx", *CRAFT_BETTER[2:]]
    cells = [data.cells[0], make_cell("craft", after, "craft")]
    cell = Generalization().study(replace(data, cells=cells, stages=[], axes={"transfer": ["craft"]})).axes.transfer[1]
    assert (cell.tasks, cell.masked) == (31, 7)
    assert cell.avg_at_k == pytest.approx((16.0 - 3 / 4 - 1 / 4 + 1) / 31)
    assert cell.delta_vs_base == pytest.approx((10.0 - 2 / 4 - 1 / 4 + 1) / 31)  # the lost task leaves base too
    assert cell.pass_at_k == pytest.approx(23 / 30 - 1 / 30)  # neither the lost task nor the one with one sample


def test_a_cell_whose_samples_are_all_lost_states_nothing(data: StudyData, make_cell: Callable[..., CellData]) -> None:
    cells = [data.cells[0], make_cell("craft", ["xxxx"] * 32, "craft")]
    figures = Generalization().study(replace(data, cells=cells, axes={"transfer": ["craft"]}))
    cell = figures.axes.transfer[1]
    assert (cell.avg_at_k, cell.ci_low, cell.delta_vs_base, cell.p_value, cell.turns) == (None,) * 5
    assert (cell.tasks, cell.masked) == (0, 128)
    assert figures.stages[0].largest_drop is None
    assert figures.minimum_detectable is None


def test_a_place_where_base_was_not_evaluated_states_no_change(data: StudyData) -> None:
    figures = Generalization().study(replace(data, cells=data.cells[1:], references=[]))
    by_place = {(cell.train, cell.environment): cell for cell in figures.axes.transfer}
    assert by_place["craft", "craft"].avg_at_k == 0.5
    assert by_place["craft", "craft"].delta_vs_base is None
    assert by_place["craft", "grid"].delta_vs_base is not None
    assert figures.summary[0]["held_in"] == 0.5
    assert figures.summary[0]["held_in_delta"] is None


def test_an_empty_study_is_an_empty_report() -> None:
    empty = StudyData(cells=[], references=[], axes={}, stages=[], trained_on={}, seed=0)
    figures = Generalization().study(empty)
    assert (figures.axes.transfer, figures.references, figures.summary) == ([], [], [])
    assert figures.minimum_detectable is None


def test_no_figure_is_ever_infinite_or_undefined(found: StudyFigures) -> None:
    def numbers(value: Any) -> list[float]:
        if isinstance(value, dict):
            return [number for item in value.values() for number in numbers(item)]
        if isinstance(value, list):
            return [number for item in value for number in numbers(item)]
        return [value] if isinstance(value, float) else []

    every = numbers(json.loads(as_json(found)))
    assert len(every) > 100
    assert all(map(math.isfinite, every))


def refused(data: StudyData, cells: Sequence[CellData]) -> str:
    with pytest.raises(RunError) as error:
        Generalization().study(replace(data, cells=cells))
    return str(error.value)


def test_checkpoints_on_different_tasks_are_refused(data: StudyData, make_cell: Callable[..., CellData]) -> None:
    other = make_cell("craft", CRAFT_BETTER[:-1], "craft")
    message = refused(data, [data.cells[0], other])
    assert "'craft' on craft easy and 'base' on craft easy were evaluated on different tasks" in message
    assert "'craft/easy/test/031'" in message


def test_one_task_id_with_two_contents_is_refused(data: StudyData, make_group: Callable[..., Group]) -> None:
    groups = [*data.cells[3].groups[:-1], make_group("031", "1111", "craft", seed=9)]
    message = refused(data, [data.cells[0], replace(data.cells[3], groups=groups)])
    assert "the task 'craft/easy/test/031' has one id but two contents" in message


def test_a_task_that_occurs_twice_is_refused(data: StudyData) -> None:
    doubled = replace(data.cells[0], groups=[*data.cells[0].groups, data.cells[0].groups[0]])
    assert "33 groups of only 32 different tasks" in refused(data, [doubled])


def test_two_evaluations_of_one_cell_are_refused(data: StudyData) -> None:
    assert "'base' on craft easy occurs twice" in refused(data, [data.cells[0], data.cells[0]])


def test_an_axis_with_a_checkpoint_that_was_not_evaluated_is_refused(data: StudyData) -> None:
    assert "the axis 'transfer' names the checkpoint 'craft', which was not evaluated" in refused(data, data.cells[:2])


def test_a_checkpoint_of_unknown_training_is_refused(data: StudyData) -> None:
    with pytest.raises(RunError, match="on which tasks the checkpoint 'craft>grid' was trained"):
        Generalization().study(replace(data, trained_on={"craft": frozenset({("craft", "easy")})}))
