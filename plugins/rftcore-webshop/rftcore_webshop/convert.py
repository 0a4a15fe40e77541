"""Converts WebShop's files into a store on disk, once, reading one record at a time.

    python -m rftcore_webshop.convert FOLDER

makes `FOLDER/webshop.store`, which the environment then uses in place of the files. It appears whole or not at all.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rftcore.errors import ConfigError, RftError
from rftcore_bm25.index import Index
from rftcore_webshop.json_stream import elements, pairs
from rftcore_webshop.official import ATTRIBUTES, INSTRUCTIONS, PRODUCTS, find
from rftcore_webshop.products import read_products
from rftcore_webshop.store import INDEX, NAME, StoreWriter


def convert(folder: Path, progress: Progress) -> Path:
    """Make the store of the files in `folder` and return its folder.

    Raises ConfigError when a file is missing or broken, or when there is a store already; then nothing is left behind.
    """
    store = folder / NAME
    if store.exists():
        raise ConfigError(f"{store} exists already; delete it to convert again")
    products, attributes, instructions = (find(folder, name) for name in (PRODUCTS, ATTRIBUTES, INSTRUCTIONS))
    made = Path(tempfile.mkdtemp(prefix=f"{NAME}.", dir=folder))
    try:
        with _Lookup(made / "attributes") as entries, _Lookup(made / "instructions") as told:
            for table, path in ((entries, attributes), (told, instructions)):
                table.fill(_counted(pairs(path), progress, f"reading {path.name}"))
            writer = StoreWriter(made)

            def documents() -> Iterator[tuple[str, str]]:
                for product in read_products(elements(products), entries.get, str(products)):
                    writer.add(product, told.get(product.asin))
                    yield product.asin, product.document

            counted = _counted(documents(), progress, f"converting {products.name}")
            ordering = progress.add_task("writing the index", total=None)
            Index.write(counted, made / INDEX)
            progress.update(ordering, total=1, completed=1)
            writer.close()
        made.chmod(0o755)  # A temporary folder is its owner's alone.
        os.replace(made, store)
    except (OSError, sqlite3.Error, ValueError) as error:
        raise ConfigError(
            f"{folder} cannot be converted ({type(error).__name__}: {error}); expected WebShop's files and free space"
        ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return store


class _Lookup:
    """A mapping on disk from ASIN to JSON, for as long as the conversion runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(path)

    def __enter__(self) -> _Lookup:
        self._connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE entries (asin TEXT PRIMARY KEY, entry TEXT)"
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()
        self._path.unlink()

    def fill(self, found: Iterator[tuple[str, Any]]) -> None:
        """Take in all pairs; of equal keys the last one counts, as in JSON."""
        rows = ((asin, json.dumps(entry)) for asin, entry in found)
        self._connection.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?)", rows)

    def get(self, asin: str) -> Any:
        """Return the entry of `asin`, or None."""
        row = self._connection.execute("SELECT entry FROM entries WHERE asin = ?", (asin,)).fetchone()
        return None if row is None else json.loads(row[0])


def _counted(found: Iterator[tuple[str, Any]], progress: Progress, what: str) -> Iterator[tuple[str, Any]]:
    bar = progress.add_task(what, total=None)
    number = 0
    for number, pair in enumerate(found, start=1):
        yield pair
        if number % 1000 == 0:
            progress.update(bar, completed=number)
    progress.update(bar, total=number, completed=number)


def main() -> None:
    """Convert, and say where the store is."""
    parser = argparse.ArgumentParser(prog="python -m rftcore_webshop.convert", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with WebShop's files")
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console) as progress:
            store = convert(parser.parse_args().folder, progress)
    except RftError as error:
        console.print(str(error), markup=False)
        sys.exit(2)
    console.print(f"wrote {store}", markup=False)


if __name__ == "__main__":
    main()
