"""Products: what a record of the official catalogue says, read as WebShop reads it.

A record is one object of `items_shuffle.json`; its attributes stand apart, in `items_ins_v2.json`. Whatever a record
holds, reading it gives a product or a ConfigError that names it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rftcore.errors import ConfigError

MISSING_PRICE = 100.0
"""What a product without a price costs, in dollars."""
NO_ATTRIBUTES = ("DUMMY_ATTR",)
LONGEST_ASIN = 10
DEPARTMENTS = " \u203a "
"""Between the departments of a category."""


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the shop."""

    asin: str
    name: str
    category: str
    query: str
    """What people search to find such a product, lower-cased: `shower curtain`."""
    product_category: str
    """The way down the shop's departments, joined by `DEPARTMENTS`."""
    description: str
    features: tuple[str, ...]
    attributes: tuple[str, ...]
    options: Mapping[str, tuple[str, ...]]
    """What can be chosen: lower-cased name to lower-cased values."""
    prices: tuple[float, ...]
    """One price in dollars, or the two ends of a range."""

    @property
    def price_tag(self) -> str:
        """The price as pages show it: `$4.41`, or `$7.76 to $8.36`."""
        return " to ".join(f"${price}" for price in self.prices)

    @property
    def price(self) -> float:
        """What it costs, in dollars; of a range, one price drawn by the ASIN, the same in every process."""
        if len(self.prices) == 1:
            return self.prices[0]
        return random.Random(f"webshop/price/{self.asin}").uniform(*self.prices)

    @property
    def document(self) -> str:
        """The text that the search engine knows it by."""
        options = ", and ".join(f"{name}: {', '.join(values)}" for name, values in self.options.items())
        first = self.features[0] if self.features else ""
        return f"{self.name} {self.description} {first} {options}".lower()


def read_products(
    records: Iterable[Any], entry: Callable[[str], Any], where: str = "the catalogue"
) -> Iterator[Product]:
    """Yield the products of `records` in order, without repeated and malformed ASINs, as WebShop's loader does.

    `entry` gives an ASIN's entry in `items_ins_v2.json`, or None. Raises ConfigError for a record of another schema.
    """
    seen: set[str] = set()
    for number, record in enumerate(records):
        try:
            asin = _text(record["asin"])
            if asin == "nan" or len(asin) > LONGEST_ASIN or asin in seen:
                continue
            seen.add(asin)
            yield read_product(record, entry(asin) or {})
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ConfigError(
                f"{where}, product {number}: found a record that cannot be read ({type(error).__name__}: {error}), "
                "expected the schema of items_shuffle.json: asin, name, category, query, product_category, "
                "full_description, small_description, pricing and customization_options"
            ) from error


def read_product(record: Mapping[str, Any], entry: Mapping[str, Any]) -> Product:
    """Return the product of one record and its entry of attributes.

    Raises LookupError, TypeError, ValueError, AttributeError or ArithmeticError when the record has another schema.
    """
    features = record["small_description"]
    found = entry.get("attributes")
    return Product(
        asin=_text(record["asin"]),
        name=_text(record["name"]),
        category=_text(record["category"]),
        query=_text(record["query"]).lower().strip(),
        product_category=_text(record["product_category"]),
        description=_text(record["full_description"] or ""),
        features=tuple(_text(line) for line in (features if isinstance(features, list) else [features or ""])),
        attributes=NO_ATTRIBUTES if found is None else tuple(_text(attribute) for attribute in found),
        options=_options(record["customization_options"]),
        prices=_prices(record.get("pricing")),
    )


def _options(groups: Mapping[str, Any] | None) -> dict[str, tuple[str, ...]]:
    return {
        name.lower(): tuple(_text(choice["value"]).strip().replace("/", " | ").lower() for choice in choices)
        for name, choices in (groups or {}).items()
        if choices is not None
    }


def _prices(pricing: str | None) -> tuple[float, ...]:
    found = [float(re.sub(r"[^\d.]", "", part)) for part in (pricing or "").split("$")[1:]]
    return tuple(found[:2]) or (MISSING_PRICE,)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is no text")
    return value
