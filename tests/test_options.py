"""Wrong options: each one is named with its path, what was found and what was expected."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, model_validator

from rftcore.errors import ConfigError
from rftcore.options import describe, validate
from rftcore.schemas.frozen import Frozen


class Part(Frozen):
    weight: float = Field(default=1.0, gt=0)
    """Share of the whole.

    Relative to the others.
    """
    label: str | None = None


class Whole(Frozen):
    clip: float = 0.2
    mode: Literal["token", "sequence"] = "token"
    size: int | Part = 3
    parts: tuple[Part, ...] = ()
    named: dict[str, Part] = Field(default_factory=dict, description="Parts by name.")

    @model_validator(mode="after")
    def _even(self) -> Whole:
        if self.size == 13:
            raise ValueError("an even size")
        return self


class Required(Frozen):
    must: int


class Exemplified(Frozen):
    model: str = Field(examples=["a-model", "another"])


def complaint(options: object, model: type[Frozen] = Whole, where: str = "algorithm") -> str:
    with pytest.raises(ConfigError) as caught:
        validate(model, options, where)  # type: ignore[arg-type]
    return str(caught.value)


def test_right_options_become_the_model_and_a_model_stays_itself() -> None:
    whole = validate(Whole, {"clip": 0.3, "parts": [{"weight": 2}]})
    assert whole == Whole(clip=0.3, parts=(Part(weight=2.0),))
    assert validate(Whole, whole) is whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clipp": 1}, "algorithm.clipp: unknown key; did you mean 'clip'?"),
        ({"zzz": 1}, "algorithm.zzz: unknown key; expected one of clip, mode, named, parts, size"),
        ({"clip": "high"}, "algorithm.clip: found 'high', expected a valid number"),
        ({"mode": "row"}, "algorithm.mode: found 'row', expected 'token' or 'sequence'"),
        ({"parts": [{}, {"wieght": 1}]}, "algorithm.parts.1.wieght: unknown key; did you mean 'weight'?"),
        ({"parts": [{"weight": 0}]}, "algorithm.parts.0.weight: found 0, expected greater than 0"),
        ({"named": {"a": {"lable": "x"}}}, "algorithm.named.a.lable: unknown key; did you mean 'label'?"),
        ({"size": {"wieght": 1}}, "algorithm.size.wieght: unknown key; did you mean 'weight'?"),
        ({"size": 13}, "algorithm: found {'size': 13}, expected an even size"),
        (7, "algorithm: found 7, expected a mapping of options"),
    ],
)
def test_a_wrong_option_is_named_with_its_path(options: object, message: str) -> None:
    assert message in complaint(options)


def test_all_wrong_options_are_reported_at_once() -> None:
    text = complaint({"clipp": 1, "clip": None, "parts": [{"weight": "x"}]}).splitlines()
    assert text[0] == "3 options are wrong:"
    assert [line.split(":")[0].strip() for line in text[1:]] == [
        "algorithm.clipp",
        "algorithm.clip",
        "algorithm.parts.0.weight",
    ]


class Switches(Frozen):
    limit: int = Field(default=1, ge=1)
    share: float | None = None
    on: bool = False
    either: bool | int = 0
    steps: tuple[int, ...] = ()
    parts: dict[str, Part] = Field(default_factory=dict)


def test_a_yes_or_no_in_place_of_a_number_is_reported_with_all_that_is_wrong_beside_it() -> None:
    options = {
        "limt": 3,
        "limit": False,
        "share": True,
        "on": "maybe",
        "steps": [1, True],
        "parts": {"a": {"weight": True, "lable": "x"}},
    }
    assert complaint(options, Switches).splitlines() == [
        "7 options are wrong:",
        "  algorithm.parts.a.lable: unknown key; did you mean 'label'?",
        "  algorithm.limt: unknown key; did you mean 'limit'?",
        "  algorithm.on: found 'maybe', expected a valid boolean, unable to interpret input",
        "  algorithm.limit: found False, expected a number",
        "  algorithm.share: found True, expected a number",
        "  algorithm.steps.1: found True, expected a number",
        "  algorithm.parts.a.weight: found True, expected a number",
    ]
    assert complaint({"share": True}, Switches) == "algorithm.share: found True, expected a number"


def test_a_yes_or_no_is_right_where_one_is_expected() -> None:
    assert validate(Switches, {"on": True, "either": True}) == Switches(on=True, either=True)


def test_both_members_of_a_union_are_expected_in_one_line() -> None:
    assert complaint({"size": "x"}).startswith("algorithm.size: found 'x', expected a valid integer")
    assert " or a valid dictionary" in complaint({"size": "x"})


def test_a_missing_option_is_missing_even_without_a_place() -> None:
    assert complaint({}, Required, "") == "must: missing; expected a value"
    assert complaint({}, Exemplified, "policy") == "policy.model: missing; expected a value, such as 'a-model'"


def test_a_long_value_is_cut() -> None:
    assert len(complaint({"clip": "x" * 1000})) < 200


def test_describe_tells_type_default_and_meaning_of_every_option() -> None:
    rows = {row["name"]: row for row in describe(Whole)}
    assert list(rows) == ["clip", "mode", "size", "parts", "named"]
    assert rows["mode"]["type"] == "token or sequence"
    assert rows["parts"]["default"] == []
    assert rows["named"] == {
        "name": "named",
        "type": "object",
        "default": {},
        "required": False,
        "doc": "Parts by name.",
    }
    weight, label = describe(Part)
    assert weight["type"] == "number > 0"
    assert weight["doc"] == "Share of the whole. Relative to the others."
    assert label["type"] == "string or null"
    assert describe(Required)[0]["required"] is True
