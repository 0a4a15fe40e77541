"""A run: the postings of as many documents as fit into memory at once, sorted by term.

An index in memory is made of one run. A collection of millions becomes many, each written to disk, and merged.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rftcore_bm25.strings import Strings, mapped

_PARTS = ("starts", "documents", "frequencies")


class Postings(NamedTuple):
    """The documents that contain one term, by their number in order of arrival."""

    term: bytes
    documents: NDArray[np.int32]
    frequencies: NDArray[np.int32]


class Run:
    """Sorted postings, in memory or mapped from a folder."""

    def __init__(
        self,
        terms: Strings,
        starts: NDArray[np.int64],
        documents: NDArray[np.int32],
        frequencies: NDArray[np.int32],
    ) -> None:
        self.terms, self.starts, self.documents, self.frequencies = terms, starts, documents, frequencies

    def __iter__(self) -> Iterator[Postings]:
        """Yield the postings of each term, in the order of the terms' bytes."""
        for number in range(len(self.terms)):
            part = slice(int(self.starts[number]), int(self.starts[number + 1]))
            yield Postings(self.terms[number], self.documents[part], self.frequencies[part])

    def save(self, folder: Path) -> None:
        """Write the run into a new folder."""
        folder.mkdir()
        self.terms.save(folder, "terms")
        for name in _PARTS:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Map a saved run."""
        parts = (mapped(folder / f"{name}.npy") for name in _PARTS)
        return cls(Strings.open(folder, "terms"), *parts)


class Buffer:
    """Collects the postings of documents until they become a run."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._terms, self._documents, self._frequencies = array("i"), array("i"), array("i")

    def __len__(self) -> int:
        return len(self._documents)

    def add(self, document: int, terms: list[str]) -> None:
        """Add a document; numbers of documents must rise."""
        for term, frequency in Counter(terms).items():
            self._terms.append(self._numbers.setdefault(term, len(self._numbers)))
            self._documents.append(document)
            self._frequencies.append(frequency)

    def run(self) -> Run:
        """Return what was collected."""
        ordered = sorted(self._numbers)
        places = np.empty(len(ordered), dtype=np.int32)
        for place, term in enumerate(ordered):
            places[self._numbers[term]] = place
        terms = places[np.frombuffer(self._terms, dtype=np.int32)] if ordered else places
        order = np.argsort(terms, kind="stable")
        starts = np.zeros(len(ordered) + 1, dtype=np.int64)
        np.cumsum(np.bincount(terms, minlength=len(ordered)), out=starts[1:])
        return Run(
            Strings.of(term.encode() for term in ordered),
            starts,
            np.frombuffer(self._documents, dtype=np.int32)[order] if ordered else places,
            np.frombuffer(self._frequencies, dtype=np.int32)[order] if ordered else places,
        )
