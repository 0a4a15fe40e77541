"""A catalogue on disk: products in SQLite, the index of the search engine beside them.

Made once by `convert`; opened in a moment, with little in memory, however large the catalogue is.
"""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from rftcore.errors import ConfigError
from rftcore_bm25.index import Index
from rftcore_webshop.products import Product
from rftcore_webshop.shop import RESULTS, Shop

NAME = "webshop.store"
"""The folder of a store, inside the folder of the files it was made of."""
PRODUCTS, INDEX = "products.sqlite", "index"
_VERSION = 1
_REMEMBERED = 4096
_FIELDS = tuple(field.name for field in fields(Product))
_TABLES = """
CREATE TABLE products (
    number INTEGER PRIMARY KEY, asin TEXT UNIQUE, category TEXT, query TEXT, product TEXT, instructions TEXT
);
"""
_INDEXES = """
CREATE INDEX categories ON products (category);
CREATE INDEX queries ON products (query);
CREATE INDEX instructed ON products (number) WHERE instructions IS NOT NULL;
"""


class StoreShop(Shop):
    """A shop whose products stay on disk. Every thread has a connection of its own, which only reads."""

    def __init__(self, folder: Path) -> None:
        """Open the store in `folder`. Raises ConfigError when it is none."""
        super().__init__()
        self._path = folder / PRODUCTS
        self._local = threading.local()
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._product)
        try:
            (version,) = self._connection().execute("PRAGMA user_version").fetchone()
            if version != _VERSION:
                raise ValueError(f"it has version {version}, expected {_VERSION}")
            (self.size,) = self._connection().execute("SELECT count(*) FROM products").fetchone()
            self._index = Index.open(folder / INDEX)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise ConfigError(f"{folder} is no whole store ({error}); delete it and convert again") from error

    def instructed(self) -> Iterator[tuple[Product, list[Any]]]:
        """Yield the products that have human instructions, in order, with these."""
        rows = self._connection().execute(
            "SELECT product, instructions FROM products WHERE instructions IS NOT NULL ORDER BY number"
        )
        for product, instructions in rows:
            yield _read(product), json.loads(instructions)

    def product(self, asin: str) -> Product:
        return self._remembered(asin)

    def special(self, words: list[str], rng: random.Random) -> tuple[str, ...] | None:
        kind, rest = words[0], " ".join(words[1:]).strip()
        if kind == "<r>":
            return tuple(self._asins("number = ?", rng.randrange(self.size))[0] for _ in range(RESULTS))
        if kind == "<a>":
            listed = "EXISTS (SELECT 1 FROM json_each(product, '$.attributes') WHERE value = ?)"
            return tuple(self._asins(listed, rest))
        if kind in ("<c>", "<q>"):
            return tuple(self._asins(f"{'category' if kind == '<c>' else 'query'} = ?", rest))
        return None

    def _product(self, asin: str) -> Product:
        row = self._connection().execute("SELECT product FROM products WHERE asin = ?", (asin,)).fetchone()
        if row is None:
            raise KeyError(asin)
        return _read(row[0])

    def _search(self, query: str) -> tuple[str, ...]:
        return tuple(hit.id for hit in self._index.search(query, RESULTS))

    def _asins(self, where: str, value: str | int) -> list[str]:
        rows = self._connection().execute(f"SELECT asin FROM products WHERE {where} ORDER BY number", (value,))
        return [asin for (asin,) in rows]

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True)
        connection: sqlite3.Connection = self._local.connection
        return connection


class StoreWriter:
    """Writes the products of a store, in order."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / PRODUCTS)
        # A store that was not finished is thrown away, so nothing has to survive a crash.
        self._connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
        self._number = 0

    def add(self, product: Product, instructions: Iterable[Any] | None) -> None:
        """Write the next product, and its human instructions if it has any."""
        told = None if not instructions else json.dumps(instructions)
        row = (
            self._number,
            product.asin,
            product.category,
            product.query,
            json.dumps({name: getattr(product, name) for name in _FIELDS}),
            told,
        )
        self._connection.execute("INSERT INTO products VALUES (?, ?, ?, ?, ?, ?)", row)
        self._number += 1

    def close(self) -> None:
        """Finish the store."""
        self._connection.commit()
        self._connection.executescript(f"{_INDEXES} PRAGMA user_version = {_VERSION};")
        self._connection.close()


def _read(text: str) -> Product:
    found = json.loads(text)
    for name in ("features", "attributes", "prices"):
        found[name] = tuple(found[name])
    found["options"] = {name: tuple(values) for name, values in found["options"].items()}
    return Product(**found)
