"""The best documents of a query: exact, ties included, without scoring what cannot be among them.

Terms are added up from the most to the least decisive. Once the terms that are left cannot lift a new document to the
k-th place, only the documents in reach are looked up in the long lists (MaxScore: Turtle and Flood, "Query evaluation:
strategies and optimizations", 1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SMALL = 1 << 14
"""Postings of a query up to which adding all up is the fastest."""
_POOL = 1_000
"""Documents on which the score of the k-th place is estimated, from below."""
_SLACK = 1e-6
"""Relative; scores are compared in single precision in the end."""
_CHEAPER = 8
"""A look-up in a list costs as much as adding so many postings."""

Best = tuple[NDArray[np.int32], NDArray[np.float32]]


@dataclass(frozen=True)
class Weighted:
    """A term of a query: its weight, and its postings by document number."""

    weight: np.float32
    documents: NDArray[np.int32]
    saturations: NDArray[np.float32]
    bound: float
    """No document gets more from this term."""

    def scores(self, places: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """Return the score of every posting, or of those at `places`."""
        saturations = self.saturations if places is None else self.saturations[places]
        result: NDArray[np.float32] = self.weight - self.weight / saturations
        return result


def best(query: Sequence[Weighted], documents: int, k: int) -> Best:
    """Return number and score of at most `k` documents: best first, equal ones by number."""
    query = sorted(query, key=lambda term: -term.bound)
    sums = np.zeros(documents, dtype=np.float64)
    pool: NDArray[np.intp] | None = None
    left, postings = sum(term.bound for term in query), sum(len(term.documents) for term in query)
    small = postings <= _SMALL
    for number, term in enumerate(query):
        if not small and number:
            pool = _pool(query[:number], sums, k) if pool is None else pool
            edge = _kth(sums[pool], k)
            if left * (1 + _SLACK) < edge:
                reachable = np.flatnonzero(sums >= edge - left * (1 + _SLACK)).astype(np.int32)
                if len(reachable) * len(query[number:]) * _CHEAPER < postings:
                    return _among(reachable, sums[reachable], query[number:], k)
        sums[term.documents] += term.scores()
        left -= term.bound
        postings -= len(term.documents)
    floor = 0.0 if pool is None else _kth(sums[pool], k) * (1 - _SLACK)
    found = np.flatnonzero(sums if floor <= 0 else sums >= floor).astype(np.int32)
    return _top(found, sums[found], k)


def _pool(added: Sequence[Weighted], sums: NDArray[np.float64], k: int) -> NDArray[np.intp] | None:
    """Return some good documents, at least `k`, or None while there are not so many."""
    found = max((term.documents for term in added), key=len)
    if len(found) < k:
        return None
    size = max(k, _POOL)
    if len(found) > size:
        found = found[np.argpartition(sums[found], len(found) - size)[-size:]]
    return found.astype(np.intp)


def _kth(scores: NDArray[np.float64], k: int) -> float:
    """Return the k-th largest score, or 0 when there are fewer."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if len(scores) >= k else 0.0


def _among(numbers: NDArray[np.int32], sums: NDArray[np.float64], terms: Sequence[Weighted], k: int) -> Best:
    """Add `terms` to the documents `numbers`, dropping those that fall out of reach."""
    left = sum(term.bound for term in terms)
    for term in terms:
        places = np.searchsorted(term.documents, numbers)
        places[places == len(term.documents)] = 0
        hits = np.flatnonzero(term.documents[places] == numbers)
        sums[hits] += term.scores(places[hits])
        left -= term.bound
        near = sums >= (_kth(sums, k) - left) * (1 - _SLACK)
        numbers, sums = numbers[near], sums[near]
    return _top(numbers, sums, k)


def _top(numbers: NDArray[np.int32], sums: NDArray[np.float64], k: int) -> Best:
    scores = sums.astype(np.float32)
    if len(scores) > k:
        edge = np.partition(scores, len(scores) - k)[len(scores) - k]
        near = scores >= edge
        numbers, scores = numbers[near], scores[near]
    order = np.argsort(-scores, kind="stable")[:k]
    return numbers[order], scores[order]
