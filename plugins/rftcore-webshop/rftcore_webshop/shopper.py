"""The expert: a shopper who knows which product the goal is about, and buys it from whatever page they are on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftcore_webshop.colours import plain_colour
from rftcore_webshop.pages import BACK, BUY, NEXT, PREVIOUS, RESULTS_A_PAGE
from rftcore_webshop.reward import alike

if TYPE_CHECKING:
    from rftcore_webshop.episode import Shopping
    from rftcore_webshop.goals import Goal
    from rftcore_webshop.products import Product
    from rftcore_webshop.shop import Shop

FARTHEST = 2
"""The page of results up to which a search with the instruction's words will do."""


def advise(episode: Shopping) -> str:
    """Return the next action on the way to the goal's product, its options, and the purchase."""
    goal = episode.goal
    place = episode.page.name
    if place == "index":
        return f"search[{query(episode.shop, goal)}]"
    if episode.asin == goal.asin:
        return f"click[{PREVIOUS if place == 'item_sub_page' else _choice(episode)}]"
    if goal.asin not in episode.results:
        return f"click[{BACK}]"
    if place != "search_results":
        return f"click[{PREVIOUS}]"
    page = episode.results.index(goal.asin) // RESULTS_A_PAGE + 1
    return f"click[{goal.asin if page == episode.number else NEXT if page > episode.number else PREVIOUS}]"


def telling_words(goal: Goal) -> str:
    """Return the words of the instruction that say what is wanted: attributes, the kind of thing, options."""
    return " ".join([*goal.attributes, goal.query, *(value for _, value in goal.options)])


def query(shop: Shop, goal: Goal) -> str:
    """Return what to search for: the telling words when they find the product soon, otherwise its name."""
    words = telling_words(goal)
    return words if goal.asin in shop.search(words)[: FARTHEST * RESULTS_A_PAGE] else goal.name.lower()


def choices(product: Product, goal: Goal) -> dict[str, str]:
    """Return the options to choose for `goal`, name to value; a value that no option offers is left out."""
    found: dict[str, str] = {}
    for name, wanted in goal.options:
        names = [name] if name in product.options else [other for other in product.options if other not in found]
        offered = [(other, value) for other in names for value in product.options[other]]
        exact = [pair for pair in offered if pair[1] == wanted]
        near = [pair for pair in offered if alike(plain_colour(pair[1]), plain_colour(wanted))]
        found |= dict((exact or near)[:1])
    return found


def _choice(episode: Shopping) -> str:
    product = episode.shop.product(episode.goal.asin)
    for value in choices(product, episode.goal).values():
        if value not in episode.chosen.values() and episode.choosable(value):
            return value
    return BUY
