"""Exact match as Search-R1 scores it, and where an answer stands in a text.

Two programs score with the same rule and read the answer differently: both take the last complete `<answer>` block, but
Search-R1 wants two blocks at least (its prompt, which it scores along, holds an example), AgentGym one.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

BLOCKS = {"search_r1": 2, "agentgym": 1}
"""Complete `<answer>` blocks that a text must have before its last one counts, by the program that reads it."""

_OPEN, _CLOSE = "<answer>", "</answer>"
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(a|an|the)\b")


def normalized(text: str) -> str:
    """Return `text` in lower case, without ASCII punctuation and articles, and with single spaces."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, golds: Sequence[str]) -> bool:
    """True when `answer` is one of `golds` after normalization; two that normalize to nothing match as well."""
    found = normalized(answer)
    return any(normalized(gold) == found for gold in golds)


def contains_match(answer: str, golds: Sequence[str]) -> bool:
    """True when one of `golds` is a part of `answer` after normalization."""
    found = normalized(answer)
    return any(normalized(gold) in found for gold in golds)


def guarded_match(answer: str, golds: Sequence[str]) -> bool:
    """As `exact_match`, but an answer of which nothing is left matches nothing."""
    return bool(normalized(answer)) and exact_match(answer, golds)


def last_answer(text: str, blocks: int = 1) -> str | None:
    """Return the content of the last complete `<answer>` block, stripped; None with fewer than `blocks` of them."""
    found, last, start = 0, "", 0
    while (opened := text.find(_OPEN, start)) >= 0:
        closed = text.find(_CLOSE, opened)
        if closed < 0:
            break
        found += 1
        last = text[opened + len(_OPEN) : closed].strip()
        start = closed + len(_CLOSE)
    return last if found >= blocks else None
