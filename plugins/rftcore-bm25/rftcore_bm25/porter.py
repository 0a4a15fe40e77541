"""Porter's stemmer as Lucene has it.

The algorithm of Porter, "An algorithm for suffix stripping" (Program 14, 1980), with the three departures of its
author's own implementation: `bli` becomes `ble`, `logi` becomes `log`, and words of one or two characters stay as they
are. Whatever is not a, e, i, o, u or such a y is a consonant: digits, points and letters of other scripts too.
"""

from __future__ import annotations

_STEP_2 = {
    "ational": "ate",
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "izer": "ize",
    "bli": "ble",
    "alli": "al",
    "entli": "ent",
    "eli": "e",
    "ousli": "ous",
    "ization": "ize",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "iveness": "ive",
    "fulness": "ful",
    "ousness": "ous",
    "aliti": "al",
    "iviti": "ive",
    "biliti": "ble",
    "logi": "log",
}
_STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_STEP_4 = (
    *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion"),
    *("ou", "ism", "ate", "iti", "ous", "ive", "ize"),
)


def stem(word: str) -> str:
    """Return the stem of a lower-case word."""
    if len(word) <= 2:
        return word
    word = _without_plural(word)
    word = _without_participle(word)
    if word.endswith("y") and _has_vowel(word[:-1]):
        word = word[:-1] + "i"
    word = _replaced(word, _STEP_2)
    word = _replaced(word, _STEP_3)
    word = _without_suffix(word)
    return _without_final_e(word)


def _without_plural(word: str) -> str:
    """Step 1a."""
    if word.endswith(("sses", "ies")):
        return word[:-2]
    if word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _without_participle(word: str) -> str:
    """Step 1b."""
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    end = 2 if word.endswith("ed") else 3 if word.endswith("ing") else 0
    if not end or not _has_vowel(word[:-end]):
        return word
    word = word[:-end]
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _ends_in_double_consonant(word):
        return word if word[-1] in "lsz" else word[:-1]
    if _measure(word) == 1 and _ends_in_short_syllable(word):
        return word + "e"
    return word


def _replaced(word: str, endings: dict[str, str]) -> str:
    """Steps 2 and 3: the longest ending counts, and is replaced behind at least one syllable."""
    for length in range(min(7, len(word)), 2, -1):
        ending = word[-length:]
        if ending in endings:
            start = word[:-length]
            return start + endings[ending] if _measure(start) > 0 else word
    return word


def _without_suffix(word: str) -> str:
    """Step 4."""
    ending = max((ending for ending in _STEP_4 if word.endswith(ending)), key=len, default="")
    start = word[: len(word) - len(ending)]
    if not ending or _measure(start) < 2 or (ending == "ion" and not start.endswith(("s", "t"))):
        return word
    return start


def _without_final_e(word: str) -> str:
    """Step 5."""
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _ends_in_short_syllable(word[:-1])):
            word = word[:-1]
    if word.endswith("ll") and _measure(word) > 1:
        word = word[:-1]
    return word


def _shape(word: str) -> str:
    """Return `v` for each vowel and `c` for each consonant; y is a vowel behind a consonant."""
    kinds: list[str] = []
    for character in word:
        vowel = character in "aeiou" or (character == "y" and bool(kinds) and kinds[-1] == "c")
        kinds.append("v" if vowel else "c")
    return "".join(kinds)


def _measure(word: str) -> int:
    """Return how often a consonant follows a vowel."""
    return _shape(word).count("vc")


def _has_vowel(word: str) -> bool:
    return "v" in _shape(word)


def _ends_in_double_consonant(word: str) -> bool:
    return len(word) > 1 and word[-1] == word[-2] and _shape(word)[-1] == "c"


def _ends_in_short_syllable(word: str) -> bool:
    return _shape(word)[-3:] == "cvc" and word[-1] not in "wxy"
