"""The words of the simulated world: what observations and actions are made of."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

FILE = "words.txt"
WORD = re.compile(r"[A-Za-z']+|\d+|[^\sA-Za-z\d]")
"""A word, a number, or a mark."""


@cache
def words() -> tuple[str, ...]:
    """Return every word that the survey met, once."""
    return tuple((files("rftcore_sciworld") / FILE).read_text(encoding="utf-8").split())
