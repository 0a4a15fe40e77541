"""The shop: products by ASIN, and the search engine over them. One per process, shared by all episodes."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import lru_cache

from rftcore_bm25.index import Hit, Index
from rftcore_webshop.products import Product

RESULTS = 50
"""Most results of a search."""
_REMEMBERED = 8192
"""Searches that are remembered: every sample of a task's group tends to send the same ones."""


class Shop(ABC):
    """What episodes ask. Safe to use from several threads."""

    def __init__(self) -> None:
        self.search = lru_cache(maxsize=_REMEMBERED)(self._search)
        """Returns the ASINs of the best matches for a query, at most `RESULTS`, best first."""

    @abstractmethod
    def product(self, asin: str) -> Product:
        """Return the product with this ASIN; raises KeyError when there is none."""

    @abstractmethod
    def _search(self, query: str) -> tuple[str, ...]:
        """Find what `search` returns and remembers."""

    @abstractmethod
    def special(self, words: list[str], rng: random.Random) -> tuple[str, ...] | None:
        """Return what the original's special queries list, or None for an ordinary one.

        `<r>` gives random products, `<a> ATTRIBUTE`, `<c> CATEGORY` and `<q> QUERY` all that have it.
        """

    def price(self, asin: str) -> float:
        """Return what the product costs, in dollars: of a range, the one price drawn for it."""
        return self.product(asin).price


class MemoryShop(Shop):
    """A shop whose products are all in memory."""

    def __init__(self, products: Iterable[Product], prices: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.products = {product.asin: product for product in products}
        self._prices = prices or {}
        self._index: Index | None = None

    def product(self, asin: str) -> Product:
        return self.products[asin]

    def price(self, asin: str) -> float:
        return self._prices[asin] if asin in self._prices else super().price(asin)

    def special(self, words: list[str], rng: random.Random) -> tuple[str, ...] | None:
        kind, rest = words[0], " ".join(words[1:]).strip()
        every = self.products.values()
        if kind == "<r>":
            return tuple(rng.sample(list(self.products), min(RESULTS, len(self.products))))
        if kind == "<a>":
            return tuple(product.asin for product in every if rest in product.attributes)
        if kind == "<c>":
            return tuple(product.asin for product in every if product.category == (words[1:] or [""])[0].strip())
        if kind == "<q>":
            return tuple(product.asin for product in every if product.query == rest)
        return None

    def hits(self, query: str) -> list[Hit]:
        """Return the best matches for `query` with their scores."""
        if self._index is None:  # Two threads may both build it: the same index twice.
            self._index = Index.of((product.asin, product.document) for product in self.products.values())
        return self._index.search(query, RESULTS)

    def _search(self, query: str) -> tuple[str, ...]:
        # The shop's own strings: remembered searches then take little memory.
        return tuple(self.products[hit.id].asin for hit in self.hits(query))
