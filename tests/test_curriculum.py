"""The language of `train`, and the turn limits of a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rftcore.curriculum import Curriculum, Source, Stage, UpdateRecord, parse_train
from rftcore.errors import ConfigError
from rftcore.schemas.task import Task

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True)
SOURCES = st.builds(Source, environment=NAMES, difficulty=st.none() | NAMES)


class NoStages(Curriculum):
    name = "no_stages"

    def stages(self) -> tuple[Stage, ...]:
        return ()

    def next(
        self,
        stage: Stage,
        update: int,
        count: int,
        pools: Mapping[str, Sequence[Task]],
        history: Sequence[UpdateRecord],
        seed: int,
    ) -> list[Task]:
        return []


def test_an_environment_alone_is_one_stage_with_every_difficulty() -> None:
    (stage,) = parse_train("textcraft")
    assert stage == Stage(name="textcraft", sources=(Source(environment="textcraft"),))
    assert stage.sources[0].difficulty is None
    assert stage.sources[0].weight == 1.0
    assert stage.updates is None
    assert stage.horizon == ()


def test_a_difficulty_follows_the_colon() -> None:
    (stage,) = parse_train("textcraft:easy")
    assert stage.sources == (Source(environment="textcraft", difficulty="easy"),)
    assert stage.sources[0].label == "textcraft:easy"


def test_plus_mixes_and_greater_than_orders() -> None:
    first, second = parse_train("textcraft:easy>babyai+textcraft")
    assert first.name == "textcraft:easy"
    assert second.name == "babyai+textcraft"
    assert [source.label for source in second.sources] == ["babyai", "textcraft"]


def test_parentheses_give_a_stage_an_algorithm_of_its_own() -> None:
    first, second = parse_train("imitation(textcraft:easy + babyai) > textcraft")
    assert (first.name, first.algorithm) == ("imitation(textcraft:easy+babyai)", "imitation")
    assert [source.label for source in first.sources] == ["textcraft:easy", "babyai"]
    assert (second.name, second.algorithm) == ("textcraft", None)
    assert parse_train(f"{first.name}>{second.name}") == (first, second)


def test_spaces_around_the_names_do_not_matter() -> None:
    assert parse_train(" textcraft:easy > babyai + textcraft ") == parse_train("textcraft:easy>babyai+textcraft")


@settings(deadline=None)
@given(st.lists(st.lists(SOURCES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_names_of_stages_read_back_as_the_same_stages(stages: list[list[Source]]) -> None:
    expression = ">".join("+".join(source.label for source in sources) for sources in stages)
    parsed = parse_train(expression)
    assert [list(stage.sources) for stage in parsed] == stages
    assert ">".join(stage.name for stage in parsed) == expression


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("", "''"),
        ("textcraft>", "''"),
        ("+textcraft", "''"),
        ("TextCraft", "'TextCraft'"),
        ("textcraft:", "'textcraft:'"),
        ("textcraft:easy:hard", "'textcraft:easy:hard'"),
        ("textcraft easy", "'textcraft easy'"),
        ("textcraft,babyai", "'textcraft,babyai'"),
        ("imitation(textcraft", "'imitation(textcraft'"),
        ("imitation()", "''"),
        ("imitation(textcraft)+babyai", "'imitation(textcraft)'"),
        ("warm(imitation(textcraft))", "'imitation(textcraft)'"),
        ("textcraft\nbabyai", "'textcraft\\nbabyai'"),
    ],
)
def test_anything_else_is_an_error_that_quotes_it_and_shows_the_form(expression: str, found: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_train(expression)
    assert f"cannot read {found}" in str(caught.value)
    assert "'environment:difficulty'" in str(caught.value)


@pytest.mark.parametrize("weight", [0, -1])
def test_a_weight_is_positive(weight: float) -> None:
    with pytest.raises(ValidationError, match="weight"):
        Source(environment="textcraft", weight=weight)


def test_a_stage_without_a_horizon_keeps_the_environments_turn_limit() -> None:
    (stage,) = parse_train("textcraft")
    assert NoStages().turn_limit(stage, 0, 10) is None


def test_a_horizon_grows_in_equal_stretches_and_stays_at_its_last_limit() -> None:
    stage = parse_train("textcraft")[0].model_copy(update={"horizon": (5, 10, 20)})
    limits = [NoStages().turn_limit(stage, update, 6) for update in range(8)]
    assert limits == [5, 5, 10, 10, 20, 20, 20, 20]


def test_a_horizon_with_more_steps_than_updates_still_ends_below_or_at_its_last_limit() -> None:
    stage = parse_train("textcraft")[0].model_copy(update={"horizon": (5, 10, 20)})
    assert [NoStages().turn_limit(stage, update, 2) for update in range(2)] == [5, 10]
