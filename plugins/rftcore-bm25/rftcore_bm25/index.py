"""An index: what is searched, in memory or mapped from a folder. Both give the same hits.

An index is immutable, may be searched from several threads, and survives pickle: one in memory with its content, one
in a folder as the name of that folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rftcore_bm25.analyzer import terms
from rftcore_bm25.collection import read
from rftcore_bm25.ranking import Weighted, best
from rftcore_bm25.similarity import inverse_norms, saturation, weight
from rftcore_bm25.store import Arrays, load, save
from rftcore_bm25.strings import Strings


class Hit(NamedTuple):
    """A document that was found."""

    id: str
    score: float


class Index:
    """Documents, ranked by BM25 as Lucene does. Made by `Index.of`, or by `Index.write` and `Index.open`."""

    def __init__(self, arrays: Arrays, folder: Path | None = None) -> None:
        self._arrays, self._folder = arrays, folder

    @classmethod
    def of(cls, documents: Iterable[tuple[str, str]], k1: float = 0.9, b: float = 0.4) -> Index:
        """Index `(id, text)` pairs in memory. Raises ValueError when two have one id."""
        collection = read(documents, None)
        norms = inverse_norms(collection.average, k1, b)
        found, numbers, saturations, names = [0], [], [], []
        for postings, codes in collection.postings():
            names.append(postings.term)
            numbers.append(postings.documents)
            saturations.append(saturation(postings.frequencies, codes, norms))
            found.append(found[-1] + len(codes))
        return cls(
            Arrays(
                ids=collection.ids,
                terms=Strings.of(names),
                starts=np.array(found, dtype=np.int64),
                documents=np.concatenate([np.empty(0, np.int32), *numbers]),
                saturations=np.concatenate([np.empty(0, np.float32), *saturations]),
                peaks=np.array([part.max() for part in saturations], dtype=np.float32),
                counted=collection.counted,
            )
        )

    @staticmethod
    def write(
        documents: Iterable[tuple[str, str]],
        folder: Path,
        on_document: Callable[[int], None] = lambda count: None,
        k1: float = 0.9,
        b: float = 0.4,
    ) -> None:
        """Index `(id, text)` pairs into `folder`, which appears when it is whole.

        Memory stays at some hundred MB and about 150 bytes a document, however long the texts are together.
        `on_document` is told after each document how many have been read. An index that is there already is replaced.
        Raises ValueError when two documents have one id, or when `folder` holds something else.
        """
        save(documents, folder, on_document, k1, b)

    @classmethod
    def open(cls, folder: Path) -> Index:
        """Map the index in `folder`; nothing is read yet. Raises ValueError when there is no whole index."""
        return cls(load(folder), folder)

    def __len__(self) -> int:
        return len(self._arrays.ids)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Index, (self._arrays,)) if self._folder is None else (Index.open, (self._folder,))

    def search(self, query: str, k: int) -> list[Hit]:
        """Return the `k` best documents for any text, or as many as have one of its terms; equal ones by id."""
        arrays = self._arrays
        weighted = []
        for term, times in Counter(terms(query)).items():
            number = arrays.terms.find(term.encode())
            if number is not None:
                part = slice(int(arrays.starts[number]), int(arrays.starts[number + 1]))
                factor = weight(arrays.counted, part.stop - part.start, times)
                bound = float(factor - factor / arrays.peaks[number])
                weighted.append(Weighted(factor, arrays.documents[part], arrays.saturations[part], bound))
        if not weighted or k < 1:
            return []
        numbers, scores = best(weighted, len(arrays.ids), k)
        return [
            Hit(arrays.ids[number].decode("utf-8", "surrogatepass"), score)
            for number, score in zip(numbers.tolist(), scores.tolist(), strict=True)
        ]
