"""The stages that each curriculum plans, and the options that it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from rftcore.curriculum import Curriculum, Source, Stage, parse_train
from rftcore.errors import ConfigError
from rftcore.schemas.task import Task
from rftcore_sequential import plugin
from rftcore_sequential.curricula import EasyToHard, Horizon, Mixture, Sequential, Single

EASY = Source(environment="textcraft", difficulty="easy")
HARD = Source(environment="textcraft", difficulty="hard")
TEXTCRAFT = Source(environment="textcraft")
BABYAI = Source(environment="babyai")


def test_single_is_one_stage_with_its_budget() -> None:
    assert Single(train="textcraft:easy", updates=40).stages() == (
        Stage(name="textcraft:easy", sources=(EASY,), updates=40),
    )
    assert Single(train="textcraft").stages() == parse_train("textcraft")


@pytest.mark.parametrize(
    "train",
    ["textcraft+babyai", ("textcraft", "babyai"), ["textcraft", "babyai"], {"textcraft": 1, "babyai": 1}],
)
def test_the_forms_of_a_mixture_give_the_stage_that_the_checkpoints_name_reads_as(train: Any) -> None:
    assert Mixture(train=train).stages() == parse_train("textcraft+babyai")


@pytest.mark.parametrize("curriculum", [Single, Mixture, Sequential, Horizon])
def test_a_stage_of_one_text_may_have_its_own_algorithm(curriculum: type[Curriculum]) -> None:
    (stage,) = curriculum(train="imitation(textcraft:easy)").stages()
    assert (stage.name, stage.algorithm, stage.sources) == ("imitation(textcraft:easy)", "imitation", (EASY,))


def test_one_source_of_several_has_no_algorithm_of_its_own() -> None:
    with pytest.raises(ConfigError, match=r"a stage has one algorithm, .* 'imitation\(textcraft\+babyai\)'"):
        Mixture(train=["imitation(textcraft)", "babyai"])
    with pytest.raises(ConfigError, match="found 2 sources"):
        Single(train="imitation(textcraft+babyai)")


def test_an_algorithm_of_its_own_stands_around_weights_too() -> None:
    weighted = {"imitation": {"textcraft:easy": 3, "babyai": 1}}
    (stage,) = Mixture(train=weighted).stages()
    assert (stage.name, stage.algorithm) == ("imitation(textcraft:easy+babyai)", "imitation")
    assert [source.weight for source in stage.sources] == [3.0, 1.0]
    assert Mixture(train={"imitation": {"textcraft": 1, "babyai": 1}}).stages() == parse_train(
        "imitation(textcraft+babyai)"
    )
    assert [each.algorithm for each in Sequential(train=[weighted, "babyai"]).stages()] == ["imitation", None]


@pytest.mark.parametrize(
    ("train", "told"),
    [
        ({"imitation": {"textcraft": 1}, "babyai": 1}, "found imitation, babyai beside each other, of which imitation"),
        (
            {"imitation": {"textcraft": 1}, "grpo": {"babyai": 1}},
            "a stage has one algorithm, around all of its sources",
        ),
        ({"Imitation": {"textcraft": 1}}, "cannot read 'Imitation\\(textcraft\\)'"),
        ({"imitation": {}}, "cannot read ''"),
        ({"imitation": {"textcraft": -1}}, "weight of 'textcraft': found -1.0, expected a positive number"),
    ],
)
def test_around_weights_there_is_one_algorithm_and_nothing_else(train: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Mixture(train=train)


def test_a_mixture_takes_weights() -> None:
    (stage,) = Mixture(train={"textcraft:easy": 3, "babyai": 0.5}, updates=9).stages()
    assert [source.weight for source in stage.sources] == [3.0, 0.5]
    assert stage.name == "textcraft:easy+babyai"
    assert stage.updates == 9


@pytest.mark.parametrize("train", ["textcraft:easy>textcraft:hard", ["textcraft:easy", "textcraft:hard"]])
def test_sequential_takes_an_expression_or_a_list(train: Any) -> None:
    assert Sequential(train=train).stages() == parse_train("textcraft:easy>textcraft:hard")


def test_sequential_stages_may_be_mixtures_in_every_form() -> None:
    curriculum = Sequential(
        train=["textcraft", "textcraft+babyai", ["babyai", "textcraft"], {"textcraft": 2, "babyai": 1}]
    )
    assert [stage.name for stage in curriculum.stages()] == [
        "textcraft",
        "textcraft+babyai",
        "babyai+textcraft",
        "textcraft+babyai",
    ]
    assert [source.weight for source in curriculum.stages()[3].sources] == [2.0, 1.0]


@pytest.mark.parametrize(
    ("updates", "budgets"),
    [(None, [None, None]), (7, [7, 7]), ([3, 4], [3, 4]), ([3, None], [3, None])],
)
def test_sequential_budgets_are_one_for_all_or_one_for_each(updates: Any, budgets: list[int | None]) -> None:
    stages = Sequential(train=["textcraft:easy", "babyai"], updates=updates).stages()
    assert [stage.updates for stage in stages] == budgets


def test_easy_to_hard_orders_the_difficulties_as_given() -> None:
    assert EasyToHard(environment="textcraft", updates=(5, 6)).stages() == (
        Stage(name="textcraft:easy", sources=(EASY,), updates=5),
        Stage(name="textcraft:hard", sources=(HARD,), updates=6),
    )
    backwards = EasyToHard(environment="textcraft", difficulties=("hard", "easy")).stages()
    assert backwards == parse_train("textcraft:hard>textcraft:easy")


def test_the_turn_limit_of_a_horizon_grows_in_equal_stretches() -> None:
    curriculum = Horizon(train="textcraft+babyai", updates=9)
    (stage,) = curriculum.stages()
    assert stage == Stage(name="textcraft+babyai", sources=(TEXTCRAFT, BABYAI), updates=9, horizon=(5, 10, 20))
    assert [curriculum.turn_limit(stage, update, 9) for update in range(9)] == [5] * 3 + [10] * 3 + [20] * 3


def test_all_curricula_pick_the_same_tasks_for_the_same_stage() -> None:
    tasks = [
        Task(
            environment="textcraft", id=f"textcraft/easy/train/{number}", split="train", difficulty="easy", seed=number
        )
        for number in range(20)
    ]
    stage = Stage(name="textcraft:easy", sources=(EASY,))
    curricula = (
        Single(train="babyai"),
        Mixture(train="babyai"),
        Sequential(train="babyai"),
        EasyToHard(environment="babyai"),
        Horizon(train="babyai"),
    )
    picked = [curriculum.next(stage, 1, 6, {"textcraft:easy": tasks}, (), 5) for curriculum in curricula]
    assert all(each == picked[0] for each in picked)
    assert len({task.id for task in picked[0]}) == 6
    assert {curriculum.picking for curriculum in curricula} == {"rftcore-sequential/1"}


def test_every_announced_curriculum_has_the_name_it_is_announced_under() -> None:
    curricula = {curriculum.name: curriculum for curriculum in (Single, Mixture, Sequential, EasyToHard, Horizon)}
    for spec in plugin.rft_curricula():
        module, _, attribute = spec.target.partition(":")
        assert (module, attribute) == ("rftcore_sequential.curricula", curricula.pop(spec.name).__name__)
    assert not curricula


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Single(train="textcraft+babyai"), r"found 2 sources.*'mixture'"),
        (lambda: Single(train="textcraft>babyai"), r"found 2 stages.*'sequential'"),
        (lambda: Single(train="Textcraft"), r"cannot read 'Textcraft'"),
        (lambda: Mixture(train="textcraft>babyai"), r"found 2 stages.*'sequential'"),
        (lambda: Mixture(train=["textcraft", "babyai+textcraft"]), r"'babyai\+textcraft': found 2 sources"),
        (lambda: Mixture(train=["textcraft", "babyai", "textcraft"]), r"textcraft occurs more than once.*weight"),
        (lambda: Mixture(train="textcraft+textcraft"), r"textcraft occurs more than once"),
        (lambda: Mixture(train=[]), r"found no sources"),
        (lambda: Mixture(train={"textcraft": 0}), r"weight of 'textcraft': found 0.0, expected a positive number"),
        (lambda: Mixture(train={"textcraft": float("inf")}), r"weight of 'textcraft': found inf"),
        (lambda: Sequential(train=[]), r"found no stages"),
        (lambda: Sequential(train=["textcraft>babyai"]), r"found 2 stages, expected one"),
        (lambda: Sequential(train="textcraft>babyai", updates=[1, 2, 3]), r"found 3 numbers for 2 stages"),
        (lambda: EasyToHard(environment="textcraft:easy"), r"cannot read 'textcraft:easy:easy'"),
        (lambda: EasyToHard(environment="textcraft", difficulties=()), r"found no stages"),
    ],
)
def test_an_impossible_plan_is_an_error_at_once(make: Callable[[], Curriculum], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make()


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: Single(train="textcraft", updates=0), "updates"),
        (lambda: Single(train="textcraft", update=1), "update"),
        (lambda: Mixture(train={"textcraft": "much"}), "train"),
        (lambda: Sequential(train="textcraft", updates=[0]), "updates"),
        (lambda: Horizon(train="textcraft", turns=(5, 5)), "turns"),
        (lambda: Horizon(train="textcraft", turns=()), "turns"),
        (lambda: Horizon(train="textcraft", turns=(0, 5)), "turns"),
    ],
)
def test_a_mistyped_option_is_an_error_that_names_it(make: Callable[[], Curriculum], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make()
    assert path in {error["loc"][0] for error in caught.value.errors()}
