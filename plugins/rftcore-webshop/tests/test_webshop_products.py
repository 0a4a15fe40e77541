from __future__ import annotations

import copy
from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore_webshop.goals import NO_BOUND, Goal, human_goals, synthetic_goals
from rftcore_webshop.products import Product, read_products

RECORD: dict[str, Any] = {
    "name": "Acme Tea Cup",
    "asin": "B000000001",
    "category": "garden",
    "query": " Tea Cup ",
    "product_category": "Home \u203a Kitchen \u203a Cups",
    "full_description": "A cup.",
    "small_description": ["Holds tea.", "Light."],
    "pricing": "$1,004.50",
    "customization_options": {"Color": [{"value": " Red/Blue "}, {"value": "GREEN", "image": None}], "Size": None},
    "images": ["x"],
}
ENTRY = {"attributes": ["dishwasher safe"], "instruction": "Find me cup", "instruction_attributes": ["dishwasher safe"]}


def read(entry: dict[str, Any] | None = None, **changes: Any) -> Product:
    (product,) = read_products([{**RECORD, **changes}], {"B000000001": entry}.get)
    return product


def test_a_record_is_read_as_the_original_reads_it() -> None:
    product = read(ENTRY)
    assert (product.query, product.attributes) == ("tea cup", ("dishwasher safe",))
    assert product.options == {"color": ("red | blue", "green")}
    assert (product.price_tag, product.price) == ("$1004.5", 1004.5)
    assert product.document == "acme tea cup a cup. holds tea. color: red | blue, green"


@pytest.mark.parametrize(
    ("pricing", "tag"),
    [
        (None, "$100.0"),
        ("", "$100.0"),
        ("$7", "$7.0"),
        ("$7.76 to $8.36", "$7.76 to $8.36"),
        ("$1$2$3", "$1.0 to $2.0"),
    ],
)
def test_prices_have_the_originals_tags(pricing: str | None, tag: str) -> None:
    assert read(pricing=pricing).price_tag == tag


def test_the_price_of_a_range_lies_in_it_and_is_fixed_by_the_asin() -> None:
    product = read(pricing="$10.00 to $20.00")
    assert 10 <= product.price <= 20
    assert product.price == read(pricing="$10.00 to $20.00", name="Other").price
    assert product.price != read_of("B000000002").price


def read_of(asin: str) -> Product:
    (product,) = read_products([{**RECORD, "asin": asin, "pricing": "$10.00 to $20.00"}], lambda _: None)
    return product


def test_what_is_missing_has_the_originals_substitute() -> None:
    product = read(small_description="One line.", customization_options=None)
    assert (product.features, product.options, product.attributes) == (("One line.",), {}, ("DUMMY_ATTR",))


def test_repeated_and_malformed_asins_are_left_out() -> None:
    records = [{**RECORD, "asin": asin} for asin in ("B1", "nan", "B1", "B0123456789", "B2")]
    assert [product.asin for product in read_products(records, lambda _: None)] == ["B1", "B2"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": 7},
        {"asin": None},
        {"pricing": ["$1"]},
        {"pricing": "$1.2.3"},
        {"customization_options": [1]},
        {"customization_options": {"color": [{"worth": 1}]}},
        {"small_description": [None]},
    ],
    ids=str,
)
def test_a_record_of_another_schema_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigError, match=r"the catalogue, product 1: found a record that cannot be read .*expected the"
    ):
        list(read_products([RECORD, {**RECORD, "asin": "B2", **change}], lambda _: None))
    with pytest.raises(ConfigError, match="product 0: found a record that cannot be read"):
        list(read_products(["text"], lambda _: None))


def test_synthetic_goals_are_all_combinations_with_one_bound() -> None:
    options = {"size": [{"value": "s"}, {"value": "l"}], "color": [{"value": "red"}, {"value": "blue"}]}
    goals = list(synthetic_goals([read(ENTRY, customization_options=options, pricing="$21")], {"B000000001": ENTRY}))
    assert [goal.options for goal in goals] == [
        (("color", color), ("size", size)) for color in ("red", "blue") for size in ("s", "l")
    ]
    assert {goal.price_upper for goal in goals} <= {40.0, 50.0, 60.0}
    bound = goals[0].price_upper
    assert goals[0].instruction == f"Find me cup with color: red, and size: s, and price lower than {bound:.2f} dollars"


def test_a_price_above_all_bounds_has_no_clause() -> None:
    (goal,) = synthetic_goals([read(ENTRY, customization_options={})], {"B000000001": ENTRY})
    assert (goal.instruction, goal.price_upper) == ("Find me cup", NO_BOUND)


TOLD = {
    "B000000001": [
        {
            "instruction": "a cup, please.",
            "instruction_attributes": ["dishwasher safe"],
            "instruction_options": ["green"],
        },
        {"instruction": "no attribute", "instruction_attributes": [], "instruction_options": []},
    ]
}


def test_human_goals_are_those_with_attributes() -> None:
    (goal,) = human_goals([read(ENTRY, pricing="$5.00")], TOLD)
    assert goal.options == (("", "green"),)
    assert goal.price_upper in (20.0, 30.0, 40.0)
    assert goal.instruction == f"a cup, please, and price lower than {goal.price_upper:.2f} dollars"
    assert goal.constraints == 2


def test_agentgym_has_every_bound_of_a_human_goal() -> None:
    goals = list(human_goals([read(ENTRY, pricing="$5.00")], TOLD, every_bound=True))
    assert [goal.price_upper for goal in goals] == [10.0, 20.0, 30.0, 40.0]
    dear = list(human_goals([read(ENTRY, pricing="$1,000.00")], TOLD, every_bound=True))
    assert [goal.price_upper for goal in dear] == [NO_BOUND] * 4
    near = list(human_goals([read(ENTRY, pricing="$975.00")], TOLD, every_bound=True))
    assert [goal.price_upper for goal in near] == [980.0, 990.0]


def test_agentgym_draws_its_bounds_from_one_stream_seeded_with_233() -> None:
    # Of four places, random.Random(233) samples 1 and 2, then 1 and 3, then 1 and 0; the higher one is the bound.
    products = [read_of(asin) for asin in ("B1", "B2", "B3")]
    goals = list(synthetic_goals(products, dict.fromkeys(("B1", "B2", "B3"), ENTRY), one_stream=True))
    assert {goal.asin: goal.price_upper for goal in goals} == {"B1": 40.0, "B2": 50.0, "B3": 30.0}


@pytest.mark.parametrize(
    ("kind", "entries"),
    [
        ("synthetic", {"B000000001": {"instruction": "x"}}),
        ("synthetic", {"B000000001": {"instruction": "x", "instruction_attributes": []}}),
        ("synthetic", {"B000000001": "x"}),
        ("human", {"B000000001": "x"}),
        ("human", {"B000000001": [{"instruction": 5, "instruction_attributes": ["a"], "instruction_options": []}]}),
        ("human", {"B000000001": [{}]}),
    ],
)
def test_an_instruction_of_another_schema_is_named(kind: str, entries: dict[str, Any]) -> None:
    make: Any = synthetic_goals if kind == "synthetic" else human_goals
    with pytest.raises(ConfigError, match=r"items_.*\.json, product B000000001: found an entry that cannot be read"):
        list(make([read(ENTRY)], entries))


def test_a_recorded_goal_is_read_with_both_forms_of_options() -> None:
    record = {
        "asin": "B1",
        "name": "Cup",
        "query": "cup",
        "product_category": "Home",
        "instruction_text": "a cup",
        "attributes": ["safe"],
        "price_upper": 40,
        "goal_options": {"color": "red"},
    }
    assert Goal.from_record(record).options == (("color", "red"),)
    other = copy.deepcopy(record) | {"goal_options": ["red"]}
    assert Goal.from_record(other).options == (("", "red"),)
