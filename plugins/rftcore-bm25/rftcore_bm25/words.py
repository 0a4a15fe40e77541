"""Where words begin and end: Unicode's word boundaries (UAX #29) as Lucene's standard tokenizer reads them.

A text becomes a string of one letter a character, its word-break class; a regular expression over that string finds
the words. Ideographs and hiragana are words of one character, Thai and its neighbours are kept together, emoji are
words, and a word of more than 255 characters is cut.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LONGEST = 255
"""Characters of a word; Lucene cuts longer ones."""

# A letter, H Hebrew letter, N digit, K katakana, E connecting punctuation, L between letters, C between digits,
# D between either, Q single quote, W double quote, S South-East Asian letter, I ideograph or hiragana, P pictograph,
# R half of a flag, B base of a keycap, o anything else. Marks extend what they follow: x any, T South-East Asian,
# V skin tone, U keycap, Z zero-width joiner.
_M = "xTVUZ"
_LETTERS = f"[AH][AH{_M}]*(?:[LDQ][{_M}]*[AH][AH{_M}]*|(?<=H)W[{_M}]*H[AH{_M}]*)*(?:(?<=H)Q[{_M}]*)?"
_DIGITS = f"N[N{_M}]*(?:[CDQ][{_M}]*N[N{_M}]*)*"
_BLOCK = f"(?:K[K{_M}]*|(?:{_LETTERS}|{_DIGITS})+)"
_JOIN = f"E[E{_M}]{{0,{LONGEST}}}+"
_EMOJI = f"Z{{0,{LONGEST}}}+(?:P[xZ]*V?|V)[{_M}]*(?:(?<=Z)[PV][{_M}]*)*"
_WORD = re.compile(
    f"(?:{_JOIN})?{_BLOCK}(?:{_JOIN}{_BLOCK})*(?:{_JOIN})?|[ST][S{_M}]*|I[{_M}]*|{_EMOJI}|(?:R[{_M}]*){{2}}|B[xZ]*U[{_M}]*"
)

_SINGLE = {
    "L": ":\u00b7\u0387\u05f4\u2027\ufe13\ufe55\uff1a",
    "D": ".\u2018\u2019\u2024\ufe52\uff07\uff0e",
    "C": ",;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b",
    "Q": "'",
    "W": '"',
    "B": "#*",
    "U": "\u20e3",
    "Z": "\u200d",
    "A": "\u02ed\u05f3\u2139\u3005\u303b\u055b\u055c\u055e\ua720\ua721\ua789\ua78a",
    "N": "\u066b",
    "E": "\u202f",
    "o": "\u200b\u3006",
}
_CLASS_OF = {character: kind for kind, characters in _SINGLE.items() for character in characters}

_RANGES = (
    ("H", "5D0-5EA 5EF-5F2 FB1D FB1F-FB28 FB2A-FB36 FB38-FB3C FB3E FB40-FB41 FB43-FB44 FB46-FB4F"),
    ("x", "FF9E-FF9F"),
    ("o", "17000-18D08 1B170-1B2FB"),
    ("S", "0E01-0E3A 0E40-0E4E 0E81-0ECD 0EDC-0EDF 1000-103F 1050-108F 109A-109F 1780-17D3 17D7 17DC-17DD"),
    ("S", "1950-196D 1970-1974 1980-19AB 19B0-19C9 19DA 19DE-19DF 1A20-1A5E 1A60-1A7C 1AA0-1AAD A9E0-A9EF A9FA-A9FE"),
    ("S", "AA60-AAC2 AADB-AADF 11700-1172B 1173A-1173B 1173F"),
    ("I", "2E80-2E99 2E9B-2EF3 2F00-2FD5 3007 3021-3029 3038-303A 3400-4DBF 4E00-9FFF F900-FA6D FA70-FAD9"),
    ("I", "20000-2FA1D 30000-3134A 3041-3096 309D-309F 1B001-1B11E 1B150-1B152 1F200"),
    ("K", "3031-3035 309B-309C 30A0-30FA 30FC-30FF 31F0-31FF 32D0-32FE 3300-3357 FF66-FF9D 1B000 1B164-1B167"),
    ("V", "1F3FB-1F3FF"),
    ("R", "1F1E6-1F1FF"),
    ("A", "2C2-2C5 2D2-2D7 2DE-2DF 2EF-2FF 24B6-24E9 1F130-1F149 1F150-1F169 1F170-1F189"),
    ("P", "A9 AE 203C 2049 2122 2194-2199 21A9-21AA 231A-231B 2328 2388 23CF 23E9-23F3 23F8-23FA 25AA-25AB 25B6"),
    ("P", "25C0 25FB-25FE 2600-2605 2607-2612 2614-2685 2690-2705 2708-2712 2714 2716 271D 2721 2728 2733-2734 2744"),
    ("P", "2747 274C 274E 2753-2755 2757 2763-2767 2795-2797 27A1 27B0 27BF 2934-2935 2B05-2B07 2B1B-2B1C 2B50 2B55"),
    ("P", "3030 303D 3297 3299 1F000-1F0FF 1F10D-1F10F 1F12F 1F16C-1F16F 1F18E 1F191-1F19A 1F1AD-1F1E5 1F201-1F20F"),
    ("P", "1F21A 1F22F 1F232-1F23A 1F23C-1F23F 1F249-1F3FA 1F400-1F53D 1F546-1F64F 1F680-1F6FF 1F774-1F77F"),
    ("P", "1F7D5-1F7FF 1F80C-1F80F 1F848-1F84F 1F85A-1F85F 1F888-1F88F 1F8AE-1F8FF 1F90C-1F93A 1F93C-1F945"),
    ("P", "1F947-1FFFD"),
)
_CATEGORIES = {
    **dict.fromkeys(("Lu", "Ll", "Lt", "Lm", "Lo", "Nl"), "A"),
    **dict.fromkeys(("Mn", "Mc", "Me", "Cf"), "x"),
    "Nd": "N",
    "Pc": "E",
}


class _Classes(dict[int, str]):
    """The word-break class of each character, worked out when it is first met."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        kind = _CLASS_OF.get(character) or _ranged(point) or _CATEGORIES.get(unicodedata.category(character), "o")
        if kind == "S" and unicodedata.category(character) in ("Mn", "Mc"):
            kind = "T"
        self[point] = kind
        return kind


def _ranged(point: int) -> str | None:
    for kind, ranges in _RANGES:
        for item in ranges.split():
            first, _, last = item.partition("-")
            if int(first, 16) <= point <= int(last or first, 16):
                return kind
    return None


_CLASSES = _Classes()


def words(text: str) -> Iterator[str]:
    """Yield the words of any text in order, as they are written."""
    classes = text.translate(_CLASSES)
    for found in _WORD.finditer(classes):
        start, end = found.span()
        if end - start <= LONGEST:
            yield text[start:end]
            continue
        while start < end:
            part = _WORD.search(classes, start, min(start + LONGEST, end))
            if part is not None:
                yield text[part.start() : part.end()]
            start = start + 1 if part is None else part.end()
