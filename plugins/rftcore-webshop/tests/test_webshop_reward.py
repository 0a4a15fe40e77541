from __future__ import annotations

import dataclasses
import sys
from types import SimpleNamespace

import pytest

from rftcore.errors import ConfigError
from rftcore_webshop.colours import plain_colour
from rftcore_webshop.goals import Goal
from rftcore_webshop.nouns import heuristic, tagger
from rftcore_webshop.products import Product
from rftcore_webshop.reward import Reward, alike, comparable, reward, token_set_ratio

CURTAIN = Product(
    asin="B000000001",
    name="Acme Shower Curtain",
    category="garden",
    query="shower curtain",
    product_category="Home \u203a Bath \u203a Curtains",
    description="Hangs well.",
    features=("Rust proof rings",),
    attributes=("machine washable", "extra long"),
    options={"color": ("red", "blue"), "size": ("small", "large")},
    prices=(20.0,),
)
GOAL = Goal(
    asin="B000000001",
    name="Acme Shower Curtain",
    query="shower curtain",
    product_category="Home \u203a Bath \u203a Curtains",
    instruction="a curtain",
    attributes=("machine washable", "extra long"),
    options=(("", "red"), ("", "large")),
    price_upper=30.0,
)
RIGHT = {"color": "red", "size": "large"}


def bought(
    chosen: dict[str, str], product: Product = CURTAIN, price: float = 20.0, mended: bool = True, **changes: object
) -> Reward:
    return reward(product, chosen, price, dataclasses.replace(GOAL, **changes), heuristic, mended)  # type: ignore[arg-type]


def changed(**changes: object) -> Product:
    return dataclasses.replace(CURTAIN, **changes)  # type: ignore[arg-type]


def test_everything_right_is_worth_one() -> None:
    assert bought(RIGHT).value == 1.0


def test_each_part_takes_its_share_of_five() -> None:
    assert bought({"color": "blue", "size": "large"}).value == 4 / 5
    assert bought({"color": "red"}).value == 4 / 5
    assert bought({}).value == 3 / 5
    assert bought(RIGHT, price=30.0).value == 1.0
    assert bought(RIGHT, price=30.01).value == 4 / 5
    assert bought(RIGHT, changed(attributes=("extra long",))).value == 4 / 5


def test_the_parts_are_told_apart() -> None:
    assert bought({"color": "red"}, price=99.0).parts() == {
        "r_type": 1.0,
        "r_att": 1.0,
        "w_att": 2 / 5,
        "r_option": 1 / 2,
        "w_option": 2 / 5,
        "query_match": True,
        "category_match": True,
        "title_score": 1.0,
        "r_price": False,
        "w_price": 1 / 5,
    }


def test_without_options_asked_for_there_is_no_part_for_them() -> None:
    found = bought({}, options=())
    assert found.value == 1.0
    assert not {"r_option", "w_option"} & found.parts().keys()


@pytest.mark.parametrize("attribute", ["shower", "rust proof", "hangs well"])
def test_an_attribute_in_the_name_the_features_or_the_description_counts(attribute: str) -> None:
    assert bought({}, attributes=(attribute,), options=()).value == 1.0
    assert bought({}, attributes=("gluten free",), options=()).value == 1 / 2


def test_the_wrong_kind_of_thing_scales_everything() -> None:
    tea = changed(query="tea", product_category="Food \u203a Drinks", name="Acme Tea")
    eleven = "Acme Bath Room Long Wide Big Soft Thick Clear Plain Curtain"
    assert bought(RIGHT, tea).r_type == 1.0  # One word of three is in the name.
    assert bought(RIGHT, tea, name="Acme Bath Room Long Curtain").value == 0.5  # One of five is not above 0.2.
    assert bought(RIGHT, tea, name=eleven).r_type == 0.1
    assert bought(RIGHT, changed(name="Acme Tea"), name="Acme Bath Room Long Curtain").value == 1.0


def test_a_name_without_a_common_word_outweighs_equal_departments() -> None:
    assert bought(RIGHT, changed(name="Green Tea")).value == 0.0


def test_a_repeated_noun_lowers_the_title_score_of_the_original_only() -> None:
    assert bought(RIGHT, name="Curtain for Shower Curtain", mended=False).title_score == 2 / 3
    assert bought(RIGHT, name="Curtain for Shower Curtain").title_score == 1.0


def test_the_original_reduces_pairs_where_fixed_compares_values() -> None:
    options = (("color", "multicolored"),)
    assert bought({"color": "multicolored"}, options=options).r_option == 1.0
    assert bought({"color": "multicolored"}, options=options, mended=False).r_option == 0.0
    assert comparable("color", "red") == "red"
    assert comparable("color", "dark red") == "('color', 'dark red')"


@pytest.mark.parametrize(
    ("value", "colour"), [("navy blue", "blue"), ("dark red", "dark"), ("credit card", "red"), ("xx-large", "xx-large")]
)
def test_a_value_is_reduced_to_its_alphabetically_first_colour(value: str, colour: str) -> None:
    assert plain_colour(value) == colour


def test_texts_are_alike_above_85() -> None:
    assert token_set_ratio("machine wash", "Machine-Wash!") == 100
    assert token_set_ratio("red", "blue") < 50
    assert token_set_ratio("", "") == 0
    assert alike("large", "x large") and not alike("small", "large")


def test_nouns_are_words_without_function_words_numbers_and_endings() -> None:
    assert heuristic("Acme's 2 Pack T-Shirt for Women, Individually Wrapped") == ("acme", "pack", "t", "shirt", "women")


def test_spacy_is_asked_for_nouns_and_names_where_its_model_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {"Acme": "PROPN", "Soft": "ADJ", "Cups": "NOUN", "for": "ADP", "Tea": "PROPN"}

    def model(text: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(text=word, pos_=tags[word]) for word in text.split()]

    monkeypatch.setitem(sys.modules, "spacy", SimpleNamespace(load={"small": model}.__getitem__))
    assert tagger("spacy:small")("Acme Soft Cups for Tea") == ("acme", "cups", "tea")
    tagger.cache_clear()


def test_an_unknown_tagger_and_a_missing_model_are_named() -> None:
    assert tagger("heuristic") is heuristic
    with pytest.raises(ConfigError, match=r"nouns: found 'nltk', expected heuristic, or spacy:MODEL"):
        tagger("nltk")
    with pytest.raises(ConfigError, match=r"spacy:no_such_model cannot be loaded .*rftcore-webshop\[spacy\]"):
        tagger("spacy:no_such_model")
