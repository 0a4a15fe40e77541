"""The words that observations and actions are made of, for building a small tokenizer."""

from __future__ import annotations

from collections.abc import Iterable

from rftcore_webshop.pages import BACK, BUY, NEXT, PREVIOUS, REFUSAL, SUB_PAGES
from rftcore_webshop.rendering import SEPARATOR
from rftcore_webshop.words import BRANDS, CATEGORIES, CHOICES, CODES, LINES, OPENINGS
from rftcore_webshop.world import World

_PAGES = (
    "WebShop [SEP] Instruction: [SEP] , and price lower than 10.00 dollars [SEP] Search",
    "Page 1 (Total results: 50) $1.0 to $2.5 Price: $1.25 Rating: N.A. 0.75 0.99",
    "Thank you for shopping with us! [SEP] Purchased [SEP] Your score (min 0.0, max 1.0) [SEP] 1.0",
    'Available actions: ["search[...]", "click[]"]',
    "[button] [button_] [clicked button] [clicked button_] You have clicked .",
    SEPARATOR.join((BACK, NEXT, PREVIOUS, *SUB_PAGES, BUY, REFUSAL)),
)
_ORIGINAL_PAGES = (
    "Your code: None (Paste it in your MTurk interface.) asin options {} attrs category query product category Target",
    "price upper instuction text Goal Reward Reward Details {'has_search_bar': True, False, 'clickables': []}",
)
_LARGEST_NUMBER = 240
"""Whole dollars in the generated catalogue stay below this."""
_SAMPLE = 2000


def vocabulary(world: World, generated: bool, lower: bool) -> list[str]:
    """Return texts with every word of the world's pages; of a world that is not `generated`, of its first goals.

    `lower` adds what the original shows in lower case.
    """
    texts = [*_PAGES, *map(str, range(_LARGEST_NUMBER))]
    if generated:
        texts += _generated()
    else:
        texts += [text for goal in world.goals[:_SAMPLE] for text in (goal.asin, goal.name, goal.instruction)]
    return [*texts, *_ORIGINAL_PAGES, *(text.lower() for text in texts)] if lower else texts


def _generated() -> Iterable[str]:
    named = [*BRANDS, *LINES]
    for category in CATEGORIES:
        named += [*category.attributes, *(kind for kinds in category.sections.values() for kind in kinds)]
    choices = [text for category in CATEGORIES for name, values in category.options.items() for text in (name, *values)]
    codes = [text for code in CODES for text in (f"B0{code}", code)]
    digits = [f"{number:02}" for number in range(100)]
    return [
        *(template.format(attributes="", kind="", options="") for template in (*OPENINGS, *CHOICES)),
        *("for every day: and", "B 0 AA B0BANA00AA"),
        *named,
        *(name.title() for name in named),
        *choices,
        *codes,
        *digits,
    ]
