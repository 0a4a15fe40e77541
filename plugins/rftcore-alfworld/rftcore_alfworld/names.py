"""The names that players see: `apple 2` for `apple_bar__plus_01_dot_20...`.

The original counts the things of one word, sorts their identifiers, and deals out the numbers from the largest down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_SEPARATOR = "_bar_"


def names(identifiers: Iterable[str], mended: bool) -> dict[str, str]:
    """Return the name of every identifier.

    An identifier with `basin` in it gets the word `basin` after its first part, because that of a sink's basin begins
    with the sink's. Where it begins with `sinkbasin` already, the original says `sinkbasinbasin`; `mended` does not.
    """
    ordered = sorted(set(identifiers))
    words = {identifier: _word(identifier, mended) for identifier in ordered}
    left = Counter(word for identifier, word in words.items() if _SEPARATOR in identifier)
    found = {}
    for identifier in ordered:
        word = words[identifier]
        if _SEPARATOR not in identifier:
            found[identifier] = f"{word} "
            continue
        found[identifier] = f"{word} {left[word]}"
        left[word] -= 1
    return found


def _word(identifier: str, mended: bool) -> str:
    word, separator, _ = identifier.partition(_SEPARATOR)
    if separator and "basin" in identifier and not (mended and word.endswith("basin")):
        word += "basin"
    return word
