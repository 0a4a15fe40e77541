"""From a text to the terms that are indexed and searched: the default English analyzer of Anserini, without Java.

In this order: words, no possessive ending, lower case, no stop words, Porter's stemmer.
"""

from __future__ import annotations

from functools import lru_cache

from rftcore_bm25.porter import stem
from rftcore_bm25.words import words

STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not"),
        *("of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was"),
        *("will", "with"),
    )
)
"""Lucene's list for English."""

_REMEMBERED = 1 << 16


def terms(text: str) -> list[str]:
    """Return the terms of any text in order, repetitions included."""
    return [term for word in words(text) if (term := _term(word))]


@lru_cache(maxsize=_REMEMBERED)
def _term(word: str) -> str:
    """Return what is indexed for a word; nothing for a stop word."""
    if len(word) >= 2 and word[-1] in "sS" and word[-2] in "'\u2019\uff07":
        word = word[:-2]
    # One character for each, whatever stands around it: Java's rule, not Python's for whole words.
    lower = word.lower() if word.isascii() else "".join(character.lower()[0] for character in word)
    return "" if lower in STOP_WORDS else stem(lower)
