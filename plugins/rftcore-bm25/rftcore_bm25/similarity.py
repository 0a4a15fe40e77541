"""Lucene's BM25 in its own precision: lengths of eight bits, weights in single precision, sums in double.

A posting's score is `weight - weight / saturation`, with `weight = idf * (occurrences in the query)` and
`saturation = 1 + tf / (k1 * (1 - b + b * length / average))`. The saturation knows nothing of the query, so an index
stores it with each posting. Each operation is rounded where Lucene rounds: only then are ties ties.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_EXACT = 24
"""Lengths below this number have a code of their own."""


def code(length: int) -> int:
    """Return the byte that stands for a length in terms; `length_of` gives the length back, rounded down."""
    free = length - _EXACT
    if free < 0:
        return length
    bits = free.bit_length()
    if bits < 4:
        return _EXACT + free
    shift = bits - 4
    return _EXACT + ((free >> shift & 7) | (shift + 1) << 3)


def length_of(code: int) -> int:
    """Return the length that a byte stands for."""
    free = code - _EXACT
    if free < 0:
        return code
    return _EXACT + (free if free < 8 else (free & 7 | 8) << (free >> 3) - 1)


def inverse_norms(average: float, k1: float, b: float) -> NDArray[np.float32]:
    """Return for each of the 256 length codes the factor of a term's frequency in the saturation."""
    one = np.float32(1)
    k, share = np.float32(k1), np.float32(b)
    lengths = np.array([length_of(code) for code in range(256)], dtype=np.float32)
    with np.errstate(divide="ignore"):  # k1 = 0 means that one occurrence saturates
        norms: NDArray[np.float32] = one / (k * ((one - share) + share * lengths / np.float32(average)))
    return norms


def saturation(
    frequencies: NDArray[np.int32], codes: NDArray[np.uint8], norms: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return `1 + tf * norm` of each posting."""
    result: NDArray[np.float32] = np.float32(1) + frequencies.astype(np.float32) * norms[codes]
    return result


def weight(documents: int, containing: int, times: int) -> np.float32:
    """Return the weight of a term in a query that has it `times` times; `containing` of `documents` have it."""
    idf = np.float32(math.log(1 + (documents - containing + 0.5) / (containing + 0.5)))
    return np.float32(np.float32(times) * idf)
