from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

from rftcore_webshop.colours import plain_colour
from rftcore_webshop.generator import PRODUCTS, asin, items, write
from rftcore_webshop.goals import human_goals
from rftcore_webshop.json_stream import elements, pairs
from rftcore_webshop.nouns import heuristic
from rftcore_webshop.places import measured, stored
from rftcore_webshop.products import read_products
from rftcore_webshop.reward import alike, comparable
from rftcore_webshop.shop import MemoryShop
from rftcore_webshop.shopper import telling_words
from rftcore_webshop.words import CATEGORIES

ITEMS = list(items(PRODUCTS))


def test_a_longer_catalogue_begins_like_a_shorter_one() -> None:
    assert ITEMS[:500] == list(items(500))


def test_asins_are_unique_and_look_like_asins() -> None:
    codes = {item.record["asin"] for item in ITEMS}
    assert len(codes) == PRODUCTS
    assert all(re.fullmatch(r"B0[A-Z]{4}\d\d[A-Z]{2}", code) for code in codes)
    assert len({asin(number) for number in range(0, 1_200_000, 7)}) == -(-1_200_000 // 7)


def test_names_are_short_and_have_nouns() -> None:
    for item in ITEMS:
        assert 5 <= len(item.record["name"].split()) <= 9
        assert len(heuristic(item.record["name"])) >= 3


def test_there_are_many_kinds_prices_ranges_and_near_duplicates() -> None:
    assert len({item.record["query"] for item in ITEMS}) == 120
    pricing = [item.record["pricing"] for item in ITEMS]
    assert 100 < pricing.count("") < 300
    assert 800 < sum(" to " in text for text in pricing) < 1200
    sizes = [len(list(family)) for _, family in itertools.groupby(ITEMS, key=lambda item: item.family)]
    assert set(sizes) == {1, 2, 3, 4}


def test_near_duplicates_differ_in_attributes_or_values() -> None:
    families = (list(family) for _, family in itertools.groupby(ITEMS, key=lambda item: item.family))
    for family in families:
        if len(family) > 1:
            kinds = {(item.record["query"], item.record["name"].split()[0]) for item in family}
            content = {json.dumps([item.entry["attributes"], item.record["customization_options"]]) for item in family}
            assert len(kinds) == 1 and len(content) > 1


def test_no_two_values_or_attributes_of_a_category_pass_for_each_other() -> None:
    for category in CATEGORIES:
        choices = [(name, value) for name, values in category.options.items() for value in values]
        for (_, left), (_, right) in itertools.combinations(choices, 2):
            assert not alike(plain_colour(left), plain_colour(right)), (left, right)
        for name, value in choices:
            assert alike(plain_colour(value), comparable(name, value)), (name, value)
        assert not any(alike(left, right) for left, right in itertools.combinations(category.attributes, 2))


def test_an_instruction_asks_for_what_its_product_has() -> None:
    for item in ITEMS:
        (told,) = item.instructions
        values = {choice["value"] for choices in item.record["customization_options"].values() for choice in choices}
        assert set(told["instruction_attributes"]) <= set(item.entry["attributes"])
        assert set(told["instruction_options"]) <= values
        wanted = [*told["instruction_attributes"], *told["instruction_options"], item.record["query"]]
        assert all(text in told["instruction"] for text in wanted)


def test_the_written_files_are_the_same_products_in_the_official_schema(tmp_path: Path) -> None:
    write(tmp_path, 300, 40)
    assert list(elements(tmp_path / "items_shuffle.json")) == [item.record for item in ITEMS[:300]]
    assert dict(pairs(tmp_path / "items_ins_v2.json")) == {item.record["asin"]: item.entry for item in ITEMS[:300]}
    told = {item.record["asin"]: item.instructions for item in ITEMS[:40]}
    assert json.loads((tmp_path / "items_human_ins.json").read_text()) == told


def test_the_stored_places_are_where_searches_find_the_products() -> None:
    entries = {item.record["asin"]: item.entry for item in ITEMS}
    products = list(read_products((item.record for item in ITEMS), entries.get))
    goals = list(human_goals(products, {item.record["asin"]: item.instructions for item in ITEMS}))
    shop = MemoryShop(products)
    places = stored()
    assert len(places) == len(goals) == PRODUCTS
    chosen = range(0, PRODUCTS, 13)
    assert measured(shop, [goals[number] for number in chosen]) == tuple(places[number] for number in chosen)
    for goal in goals[::101]:
        assert shop.search(telling_words(goal)) == shop.search(goal.instruction.lower())
