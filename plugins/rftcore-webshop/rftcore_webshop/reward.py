"""WebShop's reward for a purchase: type, attributes, options and price, each told apart.

`value = r_type * (attributes met + options met + price kept) / (attributes + options + 1)`, as in the original
(arXiv:2207.01206, section 3). `mended` compares options by their values, and counts a noun once; without it, the
original's slips are kept (see the README).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.utils import default_process

from rftcore_webshop.colours import is_colour, plain_colour
from rftcore_webshop.goals import Goal
from rftcore_webshop.nouns import Nouns
from rftcore_webshop.products import DEPARTMENTS, Product

_ALIKE = 85
"""Two texts are the same when their token set ratio is above this, of 100."""
_LATIN = dict.fromkeys(range(128, 256))
"""Characters that the original's comparison drops; other scripts stay."""


@dataclass(frozen=True, slots=True)
class Reward:
    """What a purchase was worth, and why. The weights `w_...` say how much each share could add."""

    value: float
    """From 0 to 1; exactly 1 when everything fits."""
    r_type: float
    """1, 0.5, 0.1 or 0: how near the kind of thing is to what was asked for."""
    query_match: bool
    category_match: bool
    title_score: float
    """Share of the goal's nouns in the bought product's name, from 0 to 1."""
    r_att: float
    """Share of the attributes that are met."""
    w_att: float
    r_option: float | None
    """Share of the options that are met; None when none was asked for."""
    w_option: float | None
    r_price: bool
    """Whether the price is within the bound."""
    w_price: float

    def parts(self) -> dict[str, float | bool]:
        """Return everything but the value, under the original's names; options only where some were asked for."""
        parts: dict[str, float | bool] = {
            "r_type": self.r_type,
            "r_att": self.r_att,
            "w_att": self.w_att,
            "query_match": self.query_match,
            "category_match": self.category_match,
            "title_score": self.title_score,
            "r_price": self.r_price,
            "w_price": self.w_price,
        }
        if self.r_option is not None and self.w_option is not None:
            parts |= {"r_option": self.r_option, "w_option": self.w_option}
        return parts


def reward(product: Product, chosen: Mapping[str, str], price: float, goal: Goal, nouns: Nouns, mended: bool) -> Reward:
    """Return what buying `product` at `price` dollars with the `chosen` options (name to value) is worth for `goal`."""
    query_match = product.query == goal.query
    category_match = len(_departments(product.product_category) & _departments(goal.product_category)) >= 2
    title_score = _title_score(nouns(product.name), nouns(goal.name), mended)
    r_type = _type(query_match or category_match, title_score)
    attributes = sum(_has(product, attribute) for attribute in goal.attributes)
    values = [plain_colour(value) for value in chosen.values()]
    options = sum(any(alike(value, wanted) for value in values) for wanted in _wanted(goal, mended))
    asked = len(goal.attributes) + len(goal.options) + 1
    kept = price <= goal.price_upper
    return Reward(
        value=(attributes + options + kept) / asked * r_type,
        r_type=r_type,
        query_match=query_match,
        category_match=category_match,
        title_score=title_score,
        r_att=attributes / len(goal.attributes),
        w_att=len(goal.attributes) / asked,
        r_option=options / len(goal.options) if goal.options else None,
        w_option=len(goal.options) / asked if goal.options else None,
        r_price=kept,
        w_price=1 / asked,
    )


@lru_cache(maxsize=65536)
def alike(left: str, right: str) -> bool:
    """Return whether two texts name the same thing: whether their token set ratio is above 85."""
    return token_set_ratio(left, right) > _ALIKE


def token_set_ratio(left: str, right: str) -> int:
    """Return thefuzz's `token_set_ratio` with its default processing, from 0 to 100."""
    return round(fuzz.token_set_ratio(_processed(left), _processed(right)))


def comparable(name: str, value: str) -> str:
    """Return the text that the original compares with for the option `name: value` of a synthetic goal.

    It reduces the pair rather than the value: where one of the two is a colour word, that remains; otherwise the whole
    pair is compared, as Python prints it.
    """
    colours = [text for text in (name, value) if is_colour(text)]
    return min(colours) if colours else str((name, value))


def _wanted(goal: Goal, mended: bool) -> list[str]:
    return [comparable(name, value) if name and not mended else plain_colour(value) for name, value in goal.options]


def _departments(product_category: str) -> set[str]:
    return {part.strip() for part in product_category.split(DEPARTMENTS.strip())}


def _title_score(bought: tuple[str, ...], wanted: tuple[str, ...], mended: bool) -> float:
    if not wanted:
        return 0.2
    return len({*bought} & {*wanted}) / (len({*wanted}) if mended else len(wanted))


def _type(match: bool, title_score: float) -> float:
    # The paper's formula: a name without a common word outweighs equal departments.
    if title_score == 0:
        return 0.0
    if title_score < 0.1:
        return 0.1
    return 1.0 if match or title_score > 0.2 else 0.5


def _has(product: Product, attribute: str) -> bool:
    return (
        any(alike(other, attribute) for other in product.attributes)
        or attribute in product.name.lower()
        or attribute in " ".join(product.features).lower()
        or attribute in product.description.lower()
    )


def _processed(text: str) -> str:
    return default_process(text.translate(_LATIN))
