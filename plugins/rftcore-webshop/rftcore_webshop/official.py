"""The official files of WebShop in a folder of the user's, read as they are.

    items_shuffle*.json     the products
    items_ins_v2*.json      their attributes, and instructions for synthetic goals
    items_human_ins.json    human instructions

They are read, never executed, one record at a time. The whole catalogue of 1.18 million products does not belong into
memory: `rftcore_webshop.convert` turns it into a store on disk, once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rftcore.errors import ConfigError
from rftcore_webshop.json_stream import elements, pairs
from rftcore_webshop.products import Product, read_products

PRODUCTS, ATTRIBUTES, INSTRUCTIONS = "items_shuffle*.json", "items_ins_v2*.json", "items_human_ins.json"
MOST_IN_MEMORY = 150_000
"""Products that are read into memory; more have to be converted."""


def find(folder: Path, pattern: str, smallest: bool = False) -> Path:
    """Return the file of `folder` that fits `pattern`: of several the largest, or the `smallest`.

    Raises ConfigError when there is none.
    """
    found = sorted(folder.glob(pattern), key=lambda path: (path.stat().st_size, path.name)) if folder.is_dir() else []
    if not found:
        raise ConfigError(
            f"found no {pattern} in {folder}, expected WebShop's files {PRODUCTS}, {ATTRIBUTES} and {INSTRUCTIONS}; "
            "its setup.sh says where to download them"
        )
    return found[0 if smallest else -1]


def catalogue(folder: Path, count: int | None, smallest: bool = False) -> tuple[list[Product], dict[str, Any]]:
    """Return the products of the first `count` records (all of them when None), and their entries by ASIN.

    Raises ConfigError when a file is missing, broken or too large.
    """
    path = find(folder, PRODUCTS, smallest)
    records = list(itertools.islice(elements(path), MOST_IN_MEMORY + 1 if count is None else count))
    if len(records) > MOST_IN_MEMORY:
        raise ConfigError(
            f"{path} has more than {MOST_IN_MEMORY:,} products; run "
            f"python -m rftcore_webshop.convert {folder} once, or set the option products"
        )
    wanted = {record["asin"] for record in records if isinstance(record, dict) and isinstance(record.get("asin"), str)}
    entries = _kept(pairs(find(folder, ATTRIBUTES, smallest)), wanted)
    return list(read_products(records, entries.get, str(path))), entries


def instructions(folder: Path, products: list[Product]) -> dict[str, Any]:
    """Return the human instructions for `products` by ASIN. Raises ConfigError when the file is missing or broken."""
    return _kept(pairs(find(folder, INSTRUCTIONS)), {product.asin for product in products})


def _kept(found: Iterator[tuple[str, Any]], wanted: set[str]) -> dict[str, Any]:
    return {asin: entry for asin, entry in found if asin in wanted}
