"""Worlds: a shop, its goals, and the lists of tasks. Made once per process and shared by all episodes.

The default world is generated. A folder of official files, or the store that was made of them, gives another.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from rftcore.errors import ConfigError
from rftcore_webshop import official
from rftcore_webshop.generator import PRODUCTS, items
from rftcore_webshop.goals import SEED, Goal, human_goals, synthetic_goals
from rftcore_webshop.lists import Lists, Part, by_family, by_position
from rftcore_webshop.places import measured, stored
from rftcore_webshop.products import read_products
from rftcore_webshop.shop import MemoryShop, Shop
from rftcore_webshop.store import NAME, StoreShop

Profile = Literal["fixed", "original", "agentgym"]
GoalKind = Literal["human", "synthetic"]


@dataclass(frozen=True)
class World:
    """Everything that the episodes of one configuration share."""

    shop: Shop
    goals: Sequence[Goal]
    lists: Lists
    source: str
    """Where the products come from, for people."""
    places: Sequence[int] | None = None
    """On which page of the results the goals' products stand, when that was measured."""


@cache
def generated(count: int, profile: Profile, kind: GoalKind, part: Part) -> World:
    """Return the world of the generated catalogue of `count` products.

    In the profile `fixed`, human goals are split by families; everything else is split as the official data is.
    """
    made = list(items(count))
    entries = {item.record["asin"]: item.entry for item in made}
    products = list(read_products((item.record for item in made), entries.get))
    shop, source = MemoryShop(products), f"generated catalogue of {count:,} products"
    if kind == "synthetic":
        return _official(shop, list(synthetic_goals(products, entries, profile == "agentgym")), profile, part, source)
    told = {item.record["asin"]: item.instructions for item in made}
    goals = list(human_goals(products, told, profile == "agentgym"))
    if profile != "fixed":
        return _official(shop, goals, profile, part, source)
    places = stored() if count == PRODUCTS else measured(shop, goals)
    return World(shop, goals, by_family(goals, [item.family for item in made], places), source, places)


@cache
def from_folder(folder: Path, count: int | None, profile: Profile, kind: GoalKind, part: Part) -> World:
    """Return the world of the official files in `folder`: of the store there, or of the first `count` products.

    Raises ConfigError when files are missing, broken or too large, or when a store was asked for synthetic goals.
    """
    if count is None and (folder / NAME).is_dir():
        shop = StoreShop(folder / NAME)
        if kind == "synthetic":
            raise ConfigError(
                f"goals: synthetic ones of the whole catalogue in {folder / NAME} are too many to list; "
                "use human ones, or set products (AgentGym's are of the first 1000)"
            )
        instructed = list(shop.instructed())
        told = {product.asin: entries for product, entries in instructed}
        goals = list(human_goals((product for product, _ in instructed), told, profile == "agentgym"))
        return _official(shop, goals, profile, part, f"store {folder / NAME}")
    products, entries = official.catalogue(folder, count, smallest=profile == "agentgym")
    if kind == "synthetic":
        goals = list(synthetic_goals(products, entries, profile == "agentgym"))
    else:
        goals = list(human_goals(products, official.instructions(folder, products), profile == "agentgym"))
    return _official(MemoryShop(products), goals, profile, part, f"{len(products):,} products of the files in {folder}")


def _official(shop: Shop, goals: list[Goal], profile: Profile, part: Part, source: str) -> World:
    random.Random(SEED).shuffle(goals)
    return World(shop, goals, by_position(goals, part, disjoint=profile == "fixed"), source)
