"""Reads documents once and turns them into runs; what is known of each document afterwards fits into memory.

Documents are renumbered by their id as text, because that is the order in which equal scores are listed: the number of
a document is its rank among ties.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rftcore_bm25.analyzer import terms
from rftcore_bm25.run import Buffer, Postings, Run
from rftcore_bm25.similarity import code
from rftcore_bm25.strings import Strings

RUN_POSTINGS = 4_000_000
"""Postings of a run that is spilled: about 150 MB while it is collected."""


@dataclass(frozen=True)
class Collection:
    """Documents that were read."""

    ids: Strings
    """In order."""
    ranks: NDArray[np.int32]
    """Place in `ids` of each document in order of arrival."""
    codes: NDArray[np.uint8]
    """Length code of each document in order of arrival."""
    counted: int
    """Documents that have a term; the others do not count in the statistics."""
    average: float
    """Terms of a document that counts."""
    runs: list[Run]

    def postings(self) -> Iterator[tuple[Postings, NDArray[np.uint8]]]:
        """Yield the postings of each term over all runs, by rank, and the length codes of their documents."""
        for term, group in groupby(heapq.merge(*self.runs, key=attrgetter("term")), key=attrgetter("term")):
            parts = list(group)
            arrived = np.concatenate([part.documents for part in parts])
            frequencies = np.concatenate([part.frequencies for part in parts])
            ranks = self.ranks[arrived]
            order = np.argsort(ranks)
            yield Postings(term, ranks[order], frequencies[order]), self.codes[arrived[order]]


def read(
    documents: Iterable[tuple[str, str]], spill: Path | None, on_document: Callable[[int], None] = lambda count: None
) -> Collection:
    """Read `(id, text)` pairs; runs go to the folder `spill`, or without one, all into a single run in memory.

    `on_document` is told after each document how many have been read. Raises ValueError when two have one id.
    """
    ids: list[bytes] = []
    runs: list[Run] = []
    codes, buffer = array("B"), Buffer()
    counted = total = 0
    for number, (name, text) in enumerate(documents):
        found = terms(text)
        ids.append(name.encode("utf-8", "surrogatepass"))
        codes.append(code(len(found)))
        counted += bool(found)
        total += len(found)
        buffer.add(number, found)
        if spill is not None and len(buffer) >= RUN_POSTINGS:
            runs.append(_spilled(buffer, spill / f"run-{len(runs)}"))
            buffer = Buffer()
        on_document(number + 1)
    runs.append(buffer.run() if spill is None else _spilled(buffer, spill / f"run-{len(runs)}"))
    order = sorted(range(len(ids)), key=ids.__getitem__)
    for first, second in pairwise(order):
        if ids[first] == ids[second]:
            raise ValueError(f"found two documents with the id {ids[first].decode()!r}, expected one for each id")
    ranks = np.empty(len(ids), dtype=np.int32)
    ranks[order] = np.arange(len(ids), dtype=np.int32)
    return Collection(
        ids=Strings.of(ids[number] for number in order),
        ranks=ranks,
        codes=np.array(codes, dtype=np.uint8),
        counted=counted,
        average=total / counted if counted else 1.0,
        runs=runs,
    )


def _spilled(buffer: Buffer, folder: Path) -> Run:
    buffer.run().save(folder)
    return Run.open(folder)
