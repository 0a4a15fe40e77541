from __future__ import annotations

import random
import re
import time

import pytest

from rftcore_webshop.actions import Action, read, read_original
from rftcore_webshop.episode import LONGEST_QUERY, Shopping
from rftcore_webshop.goals import Goal
from rftcore_webshop.nouns import heuristic
from rftcore_webshop.original import OriginalShopping
from rftcore_webshop.pages import REFUSAL
from rftcore_webshop.products import Product
from rftcore_webshop.shop import MemoryShop

ASK = "red tea cup, and price lower than 30.00 dollars"


def product(number: int, **changes: object) -> Product:
    fields = {
        "asin": f"B00000000{number}",
        "name": f"Acme Tea Cup {'Plain ' * number}",
        "category": "garden",
        "query": "tea cup",
        "product_category": "Home \u203a Kitchen \u203a Cups",
        "description": "A cup.",
        "features": ("Holds tea.", "Light."),
        "attributes": ("dishwasher safe",),
        "options": {"color": ("red", "blue"), "size": ("small", "large")},
        "prices": (20.0,),
    }
    return Product(**{**fields, **changes})  # type: ignore[arg-type]


SHOP = MemoryShop([product(1, prices=(10.0, 20.0)), *(product(number) for number in range(2, 10))])
"""Nine products; the shorter the name, the better it fits `tea cup`."""
GOAL = Goal(
    asin="B000000001",
    name=product(1).name,
    query="tea cup",
    product_category="Home \u203a Kitchen \u203a Cups",
    instruction=ASK,
    attributes=("dishwasher safe",),
    options=(("", "red"),),
    price_upper=30.0,
)


def fixed(shop: MemoryShop = SHOP, rich: bool = False, action_list: str = "never") -> Shopping:
    return Shopping(shop, GOAL, heuristic, rich, action_list)  # type: ignore[arg-type]


def original(rich: bool = False, action_list: str = "never", shop: MemoryShop = SHOP) -> OriginalShopping:
    return OriginalShopping(shop, GOAL, heuristic, rich, action_list, random.Random(0))  # type: ignore[arg-type]


def play(episode: Shopping, *actions: str) -> Shopping:
    for action in actions:
        assert episode.step(action).valid, action
    return episode


def test_a_whole_purchase_in_text() -> None:
    episode = fixed()
    assert episode.observation == f"WebShop [SEP] Instruction: [SEP] {ASK} [SEP] Search"
    play(episode, "search[tea cup]")
    assert episode.observation.startswith(
        f"Instruction: [SEP] {ASK} [SEP] Back to Search [SEP] Page 1 (Total results: 9) [SEP] B000000001 [SEP] "
        "Acme Tea Cup Plain [SEP] $10.0 to $20.0 [SEP] B000000002"
    )
    play(episode, "click[B000000001]", "click[red]")
    assert episode.observation == (
        f"Instruction: [SEP] {ASK} [SEP] Back to Search [SEP] < Prev [SEP] color: red [SEP] red [SEP] blue [SEP] "
        "size [SEP] small [SEP] large [SEP] Acme Tea Cup Plain [SEP] Price: $10.0 to $20.0 [SEP] Rating: N.A. [SEP] "
        "Description [SEP] Features [SEP] Reviews [SEP] Buy Now"
    )
    step = episode.step("click[Buy Now]")
    assert (step.reward, step.terminated, step.success) == (1.0, True, True)
    assert step.observation == (
        "Thank you for shopping with us! [SEP] Purchased [SEP] B000000001 [SEP] color: red [SEP] "
        "Your score (min 0.0, max 1.0) [SEP] 1.00"
    )
    assert episode.bought is not None and episode.bought.parts()["r_option"] == 1.0


def test_a_partial_purchase_ends_without_success_and_the_end_is_final() -> None:
    episode = play(fixed(), "search[tea cup]", "click[b000000002]")
    step = episode.step("click[buy now]")
    assert (step.reward, step.terminated, step.success) == (2 / 3, True, False)
    assert episode.step("search[tea]") is step
    assert episode.expert_action() is None
    assert episode.available_actions() == ()


def test_rich_text_marks_buttons_and_what_was_clicked() -> None:
    episode = play(fixed(rich=True), "search[tea cup]", "click[B000000001]", "click[large]", "click[blue]")
    assert episode.observation == (
        f"You have clicked large.\nYou have clicked blue.\nInstruction:\n{ASK}\n[button] Back to Search [button_]\n"
        "[button] < Prev [button_]\ncolor: blue\n  [button] red [button_]\n  [clicked button] blue [clicked button_]\n"
        "size: large\n  [button] small [button_]\n  [clicked button] large [clicked button_]\n"
        "Acme Tea Cup Plain \nPrice: $10.0 to $20.0\nRating: N.A.\n[button] Description [button_]\n"
        "[button] Features [button_]\n[button] Reviews [button_]\n[button] Buy Now [button_]\n"
    )
    play(episode, "click[< Prev]")
    assert "\n\n[clicked button] B000000001 [clicked button_]\n" in episode.observation
    assert "\n\n[button] B000000002 [button_]\n" in episode.observation


def test_sub_pages_show_their_lines_and_lead_back_with_the_choices_kept() -> None:
    episode = play(fixed(), "search[tea cup]", "click[B000000001]", "click[red]", "click[Features]")
    assert episode.observation.endswith("Back to Search [SEP] < Prev [SEP] Holds tea. [SEP] Light.")
    play(episode, "click[< Prev]")
    assert "color: red" in episode.observation
    assert play(episode, "click[Description]").observation.endswith("< Prev [SEP] A cup.")
    assert play(episode, "click[< Prev]", "click[Reviews]").observation.endswith("Back to Search [SEP] < Prev")


def test_leaving_a_product_forgets_what_was_chosen() -> None:
    episode = play(fixed(), "search[tea cup]", "click[B000000001]", "click[red]", "click[< Prev]", "click[B000000001]")
    assert episode.chosen == {}


def test_twelve_results_have_two_pages_and_the_original_offers_a_third() -> None:
    shop = MemoryShop(product(1, asin=f"B0000000{number:02}") for number in range(12))
    episode = play(fixed(shop), "search[tea cup]", "click[Next >]")
    assert "Page 2 (Total results: 12) [SEP] < Prev [SEP] B000000010" in episode.observation
    assert not episode.step("click[next >]").valid
    twin = play(original(shop=shop), "search[tea cup]", "click[next >]", "click[next >]")
    assert twin.observation.endswith("Page 3 (Total results: 12) [SEP] < Prev [SEP] Next >")
    assert "Page 2" in play(twin, "click[< Prev]").observation


@pytest.mark.parametrize(
    "action", ["", "buy now", "click[nothing]", "click[Search]", "search[]", "search[ ]", "\x00", "click[]"]
)
def test_what_is_not_possible_is_said_above_the_page_and_changes_nothing(action: str) -> None:
    episode = fixed()
    before = episode.observation
    for _ in range(2):
        step = episode.step(action)
        assert (step.valid, step.reward, step.terminated) == (False, 0.0, False)
        assert step.observation == episode.observation == f"{REFUSAL} [SEP] {before}"
    assert play(episode, "search[tea]").page.name == "search_results"


def test_the_original_answers_what_is_not_possible_with_the_same_page() -> None:
    episode = original()
    before = episode.observation
    step = episode.step("click[nothing]")
    assert (step.valid, step.observation) == (False, before)


def test_fixed_searches_from_the_search_page_only_and_the_original_from_anywhere() -> None:
    episode = play(fixed(), "search[tea cup]")
    assert not episode.step("search[cup]").valid
    assert play(episode, "click[Back to Search]", "search[cup]").results
    assert play(original(), "search[tea cup]", "click[b000000001]", "search[cup]").page.name == "search_results"


def test_a_value_called_like_a_button_can_be_chosen_in_fixed_only() -> None:
    shop = MemoryShop([product(1, options={"style": ("features", "plain [matte]")})])
    start = ("search[tea cup]", "click[b000000001]")
    assert play(fixed(shop), *start, "click[features]").chosen == {"style": "features"}
    assert play(fixed(shop), *start, "click[plain [matte]]").chosen == {"style": "plain [matte]"}
    episode = play(original(shop=shop), *start)
    assert not episode.choosable("plain [matte]") and not episode.choosable("features")
    assert "click[plain [matte]]" not in episode.available_actions()
    assert play(episode, "click[features]").page.name == "item_sub_page"


def test_of_two_equal_values_the_last_one_counts_and_the_expert_is_content() -> None:
    shop = MemoryShop([product(1, options={"color": ("red",), "frame color": ("red", "blue")})])
    episode = play(fixed(shop), "search[tea cup]", "click[b000000001]", "click[red]")
    assert episode.chosen == {"frame color": "red"}
    assert episode.step(str(episode.expert_action())).reward == 1.0


def test_special_queries_work_in_the_original_only() -> None:
    other = product(2, asin="B000000099", query="spoon", category="tools", attributes=("rust proof",))
    shop = MemoryShop([product(1), other])
    assert play(original(shop=shop), "search[<q> spoon]").results == ("B000000099",)
    assert play(original(shop=shop), "search[<c> garden]").results == ("B000000001",)
    assert play(original(shop=shop), "search[<a> rust proof]").results == ("B000000099",)
    assert sorted(play(original(shop=shop), "search[<r>]").results) == ["B000000001", "B000000099"]
    assert play(original(shop=shop), "search[<c>]").results == ()
    assert play(fixed(shop), "search[<q> spoon]").results == ()


def test_what_can_be_done_is_listed_as_the_option_says() -> None:
    every, first, never = (fixed(action_list=choice) for choice in ("every", "first", "never"))
    listed = '\nAvailable actions: ["search[...]"]'
    assert [episode.observation.endswith(listed) for episode in (every, first, never)] == [True, True, False]
    for episode in (every, first, never):
        play(episode, "search[tea cup]", "click[B000000001]")
    assert every.observation.endswith(
        '\nAvailable actions: ["click[Back to Search]", "click[< Prev]", "click[Description]", "click[Features]", '
        '"click[Reviews]", "click[Buy Now]", "click[red]", "click[blue]", "click[small]", "click[large]"]'
    )
    assert "Available" not in first.observation + never.observation
    assert every.step("nonsense").observation.endswith('"click[large]"]')
    assert "Available" not in every.step("click[Buy Now]").observation


def test_the_original_lists_what_can_be_done_in_its_own_form() -> None:
    episode = original(action_list="every")
    assert episode.observation.endswith("\nAvailable actions: {'has_search_bar': True, 'clickables': ['search']}")


def test_every_listed_action_is_understood() -> None:
    rng = random.Random(0)
    for make in (fixed, original):
        for _ in range(30):
            episode = make()
            for _ in range(6):
                for action in episode.available_actions():
                    assert episode._read(action) is not None
                action = episode.random_action(rng)
                step = episode.step(action)
                assert step.valid, action
                if step.terminated:
                    break


def test_random_searches_are_words_of_the_instruction() -> None:
    rng = random.Random(3)
    searches = {fixed().random_action(rng) for _ in range(200)}
    assert len(searches) > 20
    assert all(search.startswith("search[") and search[7:-1] in ASK for search in searches)


@pytest.mark.parametrize("make", [fixed, original])
def test_the_expert_recovers_from_any_state(make: type[Shopping]) -> None:
    for seed in range(60):
        rng, episode = random.Random(seed), make()
        for _ in range(rng.randrange(8)):
            action = episode.random_action(rng)
            if "buy now" not in action.lower():
                episode.step(action)
        for _ in range(8):
            step = episode.step(str(episode.expert_action()))
            if step.terminated:
                break
        assert step.success, seed


HOSTILE = (
    "click[" * 200_000,
    "[" * 1_000_000,
    "]" * 1_000_000,
    f"search[{'a' * 1_000_000}]",
    f"search[{'tea ' * 250_000}]",
    f"click[{chr(0) * 1000}]",
    "search[\x00\ud800]",
    "search[東京 \u202e شاي]",
)


@pytest.mark.parametrize("make", [fixed, original])
@pytest.mark.parametrize("action", HOSTILE, ids=map(str, range(len(HOSTILE))))
def test_hostile_actions_are_answered_at_once_in_little_space(make: type[Shopping], action: str) -> None:
    begin = time.process_time()
    episode = make()
    step = episode.step(action)
    assert not step.terminated
    assert len(step.observation) < 3000
    assert sum(map(len, episode._keywords)) <= LONGEST_QUERY
    assert time.process_time() - begin < 1.0


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("click[Buy Now]", Action("click", "buy now")),
        ("  CLICK [x] ", Action("click", "x")),
        ("click[white [matte]]", Action("click", "white [matte]")),
        ("click[a] please", None),
        ("click", None),
        ("click[a", None),
    ],
)
def test_fixed_reads_whole_actions(text: str, action: Action | None) -> None:
    assert read(text) == action


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("click[Buy Now] please", Action("click", "buy now")),
        ("click[a]\nclick[b]", Action("click", "a")),
        ("search[a\nb]", None),
        ("click[white [matte]]", Action("click[white ", "matte]")),
        ("[x]", None),
        ("a[]", None),
        ("a[]]", Action("a", "]")),
        ("Click[b]", Action("Click", "b")),
    ],
)
def test_the_original_reads_the_beginning(text: str, action: Action | None) -> None:
    assert read_original(text) == action


def test_the_original_reads_as_its_pattern_does() -> None:
    rng = random.Random(5)
    for _ in range(20_000):
        text = "".join(rng.choices("ab[]\n ", k=rng.randrange(9)))
        found = re.match(r"(.+)\[(.+)\]", text)
        assert read_original(text) == (None if found is None else Action(found[1], found[2])), repr(text)
