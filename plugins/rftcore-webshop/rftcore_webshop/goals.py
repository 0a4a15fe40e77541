"""Goals: what an instruction asks for, hidden from the agent and known to the reward.

Human goals come from `items_human_ins.json`, an instruction each. Synthetic goals come from `items_ins_v2.json`, one
for each combination of a product's options. Both get a price bound: a multiple of 10 dollars above the product's price.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rftcore.errors import ConfigError
from rftcore_webshop.products import Product

NO_BOUND = 1000000.0
"""The price bound of a goal without one, in dollars."""
SEED = 233
"""What the original shuffles its goals with, and AgentGym draws its price bounds with."""
_BOUNDS = tuple(10.0 * number for number in range(1, 100))
_NEAR = 4
"""A bound is one of this many multiples of 10 next above the price."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing to buy."""

    asin: str
    name: str
    query: str
    product_category: str
    instruction: str
    attributes: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    """Pairs of name and value; the name is empty in human goals, which have values only."""
    price_upper: float
    """The price must not be above it; `NO_BOUND` without a bound."""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Goal:
        """Return the goal of a recorded object, as the original holds it."""
        options = record["goal_options"]
        pairs = options.items() if isinstance(options, dict) else [("", value) for value in options]
        return cls(
            asin=record["asin"],
            name=record["name"],
            query=record["query"],
            product_category=record["product_category"],
            instruction=record.get("instruction_text", ""),
            attributes=tuple(record["attributes"]),
            options=tuple(pairs),
            price_upper=float(record["price_upper"]),
        )

    @property
    def constraints(self) -> int:
        """Attributes and options asked for."""
        return len(self.attributes) + len(self.options)


def human_goals(
    products: Iterable[Product], instructions: Mapping[str, Any], every_bound: bool = False
) -> Iterator[Goal]:
    """Yield a goal for each human instruction that names an attribute, in the order of the products.

    `every_bound` repeats it with each of the four bounds, as AgentGym does. Raises ConfigError for another schema.
    """
    for product in products:
        for number, entry in enumerate(_entries(instructions, product.asin)):
            try:
                attributes = tuple(map(str, entry["instruction_attributes"]))
                options = tuple(("", str(value)) for value in entry["instruction_options"])
                text = entry["instruction"].strip(".")
            except (LookupError, TypeError, AttributeError) as error:
                raise _unreadable("items_human_ins.json", product.asin, error) from error
            if not attributes:
                continue
            for bound in _bounds(product, number, every_bound):
                yield _goal(product, text, attributes, options, bound)


def synthetic_goals(
    products: Iterable[Product], entries: Mapping[str, Any], one_stream: bool = False
) -> Iterator[Goal]:
    """Yield a goal for each combination of options of each product that has an instruction.

    `one_stream` draws all price bounds from one generator seeded with 233, as AgentGym does; otherwise a bound follows
    from the ASIN. Raises ConfigError for another schema.
    """
    stream = random.Random(SEED)
    for product in products:
        entry = entries.get(product.asin) or {}
        try:
            text = entry.get("instruction")
            if text is None:
                continue
            attributes = tuple(map(str, entry["instruction_attributes"]))
            if not (isinstance(text, str) and attributes):
                raise ValueError(f"instruction {text!r} with the attributes {attributes}")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise _unreadable("items_ins_v2.json", product.asin, error) from error
        bound = _bound(_near(product), stream if one_stream else random.Random(f"webshop/bound/{product.asin}"))
        for options in combinations(product):
            named = ", and ".join(f"{name}: {value}" for name, value in options)
            yield _goal(product, f"{text} with {named}" if named else text, attributes, options, bound)


def combinations(product: Product) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield every choice of one value for each of the product's options, names in order of the alphabet."""
    names = sorted(product.options)
    for values in itertools.product(*(product.options[name] for name in names)):
        yield tuple(zip(names, values, strict=True))


def _goal(
    product: Product, text: str, attributes: tuple[str, ...], options: tuple[tuple[str, str], ...], bound: float
) -> Goal:
    clause = "" if bound == NO_BOUND else f", and price lower than {bound:.2f} dollars"
    return Goal(
        asin=product.asin,
        name=product.name,
        query=product.query,
        product_category=product.product_category,
        instruction=text + clause,
        attributes=attributes,
        options=options,
        price_upper=bound,
    )


def _bounds(product: Product, number: int, every_bound: bool) -> list[float]:
    near = _near(product)
    if every_bound:
        return near if len(near) >= 2 else [NO_BOUND] * _NEAR
    return [_bound(near, random.Random(f"webshop/bound/{product.asin}/{number}"))]


def _near(product: Product) -> list[float]:
    price = product.price
    return [bound for bound in _BOUNDS if bound > price][:_NEAR]


def _bound(near: list[float], rng: random.Random) -> float:
    return max(rng.sample(near, 2)) if len(near) >= 2 else NO_BOUND


def _entries(instructions: Mapping[str, Any], asin: str) -> list[Any]:
    entries = instructions.get(asin) or []
    if not isinstance(entries, list):
        raise _unreadable("items_human_ins.json", asin, TypeError(f"{type(entries).__name__} in place of a list"))
    return entries


def _unreadable(file: str, asin: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"{file}, product {asin}: found an entry that cannot be read ({type(error).__name__}: {error}), "
        "expected its schema: instruction, instruction_attributes, and instruction_options in human ones"
    )
