"""Places: on which page of the results a goal's product stands when its whole instruction is the query.

It is a part of how hard the goal is. For the default catalogue the answers are stored beside this file, so that listing
tasks needs no search at all:

    python -m rftcore_webshop.places

measures them again, and writes the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from rftcore_webshop.generator import PRODUCTS, items
from rftcore_webshop.goals import Goal, human_goals
from rftcore_webshop.pages import RESULTS_A_PAGE
from rftcore_webshop.products import read_products
from rftcore_webshop.shop import MemoryShop, Shop

_FILE = "places.txt"
_LINE = 100


def stored() -> tuple[int, ...]:
    """Return the places that were measured for the human goals of the default catalogue, in order."""
    return tuple(map(int, "".join((files(__package__) / _FILE).read_text(encoding="utf-8").split())))


def measured(shop: Shop, goals: Sequence[Goal]) -> tuple[int, ...]:
    """Return for each goal the page of the results, from 1, or 0 where the product is not among them."""
    return tuple(_page(shop.search(goal.instruction.lower()), goal.asin) for goal in goals)


def _page(found: Sequence[str], asin: str) -> int:
    return found.index(asin) // RESULTS_A_PAGE + 1 if asin in found else 0


def main() -> None:
    """Measure the default catalogue and write the file."""
    made = list(items(PRODUCTS))
    entries = {item.record["asin"]: item.entry for item in made}
    products = list(read_products((item.record for item in made), entries.get))
    goals = list(human_goals(products, {item.record["asin"]: item.instructions for item in made}))
    digits = "".join(map(str, measured(MemoryShop(products), goals)))
    lines = [digits[start : start + _LINE] for start in range(0, len(digits), _LINE)]
    Path(str(files(__package__) / _FILE)).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
