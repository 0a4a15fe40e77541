"""The pages of the shop as data: what stands on each, in order, and what can be clicked.

A page knows nothing of how it is written down; `rendering` does. Labels are exactly the original's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rftcore_webshop.products import Product

PageName = Literal["index", "search_results", "item_page", "item_sub_page", "done"]
Kind = Literal["text", "button", "option", "product"]

BUY, BACK, NEXT, PREVIOUS = "Buy Now", "Back to Search", "Next >", "< Prev"
SUB_PAGES = ("Description", "Features", "Reviews")
LABELS = frozenset(label.lower() for label in (BUY, BACK, NEXT, PREVIOUS, *SUB_PAGES))
"""What the original takes for a button whatever it stands on."""
RESULTS_A_PAGE = 10
REFUSAL = "That is not possible here."
"""What `fixed` says above the page after an action that the page does not offer."""


class Part(NamedTuple):
    """One piece of a page."""

    kind: Kind
    text: str
    option: str = ""
    """Of an option's value, the option's name."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page, as a browser would show it."""

    name: PageName
    parts: tuple[Part, ...]

    def clickables(self) -> dict[str, Part]:
        """Return what can be clicked by its lower-cased text: buttons, then products, then values of options.

        Of equal texts the last one counts, at the first one's place, as in the original.
        """
        found = {part.text.lower(): part for part in self.parts if part.kind == "button"}
        found |= {part.text.lower(): part for part in self.parts if part.kind == "product"}
        return found | {part.text: part for part in self.parts if part.kind == "option"}


def search_page(instruction: str) -> Page:
    """Return the first page, the only one with a search bar."""
    return Page("index", (_text("WebShop"), _text("Instruction: "), _text(instruction), _button("Search")))


def results_page(instruction: str, products: Sequence[Product], page: int, total: int, mended: bool) -> Page:
    """Return page `page` (from 1) of `total` results. The original offers a next page even after the last one."""
    last = page * RESULTS_A_PAGE >= total
    parts = [*_head(instruction), _text(f"Page {page} (Total results: {total})")]
    parts += [_button(PREVIOUS)] if page > 1 else []
    parts += [] if last and mended else [_button(NEXT)]
    for product in products:
        parts += [Part("product", product.asin), _text(product.name), _text(product.price_tag)]
    return _page("search_results", parts)


def item_page(instruction: str, product: Product, chosen: Mapping[str, str], mended: bool) -> Page:
    """Return the page of one product. `mended` shows the chosen value beside each option's name."""
    parts = [*_head(instruction), _button(PREVIOUS)]
    for name, values in product.options.items():
        parts.append(_text(f"{name}: {chosen[name]}" if mended and name in chosen else name))
        parts += [Part("option", value, name) for value in values]
    parts += [_text(product.name), _text(f"Price: {product.price_tag}"), _text("Rating: N.A.")]
    return _page("item_page", [*parts, *map(_button, SUB_PAGES), _button(BUY)])


def item_sub_page(instruction: str, product: Product, which: str) -> Page:
    """Return one of the product's three `SUB_PAGES`. There are no reviews."""
    lines = {"Description": [product.description], "Features": [f" {line}" for line in product.features]}
    return _page("item_sub_page", [*_head(instruction), _button(PREVIOUS), *map(_text, lines.get(which, []))])


def done_page(asin: str, chosen: Mapping[str, str], value: float, mended: bool) -> Page:
    """Return the last page. The original's shows what was meant for crowd workers, most of it empty."""
    thanks, score = "Thank you for shopping with us!", "Your score (min 0.0, max 1.0)"
    if mended:
        options = ", ".join(f"{name}: {choice}" for name, choice in chosen.items())
        return _page("done", map(_text, (thanks, "Purchased", asin, options, score, f"{value:.2f}")))
    texts = (
        *(thanks, "Your code: ", "None", " (Paste it in your MTurk interface.)"),
        *("Purchased", "asin", asin, "options", _json(chosen), "attrs", "None", "category", "None", "query", "None"),
        *("product category", "None", "Target", "asin", "options", "attrs", "price upper", "instuction text"),
        *(
            "category",
            "product category",
            "query",
            "Goal ",
            "None",
            "Reward",
            score,
            str(value),
            "Reward Details ",
            "None",
        ),
    )
    return _page("done", map(_text, texts))


def refused(page: Page) -> Page:
    """Return `page` below the sentence that says that an action was not possible."""
    return Page(page.name, (_text(REFUSAL), *page.parts))


def _page(name: PageName, parts: Iterator[Part] | Sequence[Part]) -> Page:
    # A text of nothing, or of one line end, is no part of a page.
    return Page(name, tuple(part for part in parts if part.text not in ("", "\n")))


def _head(instruction: str) -> tuple[Part, ...]:
    return (_text("Instruction:"), _text(instruction), _button(BACK))


def _text(text: str) -> Part:
    return Part("text", text)


def _button(text: str) -> Part:
    return Part("button", text)


def _json(chosen: Mapping[str, str]) -> str:
    """Return the options as the original's page template writes them: sorted, and safe inside HTML."""
    text = json.dumps(chosen, sort_keys=True)
    for character in "<>&'":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
