"""Nouns of a product's name: what the reward compares to tell whether the right kind of thing was bought.

The original asks spaCy's tagger, whose answers differ from version to version. The heuristic here needs no model: in a
name of a product nearly every word is part of a noun phrase, so it leaves out what is certainly something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module

from rftcore.errors import ConfigError

Nouns = Callable[[str], tuple[str, ...]]
"""Takes a product's name and returns its nouns, lower-cased, in order, repeated ones repeated."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_FUNCTION_WORDS = (
    "a an and as at best by for from in into is it its not of off on or our out per s than that the this to up very "
    "with without x you your"
)
_OTHER = frozenset(_FUNCTION_WORDS.split())
"""`x` as in 5 x 7."""


@lru_cache(maxsize=65536)
def heuristic(name: str) -> tuple[str, ...]:
    """Return the words of `name` that are no number, no function word, and neither adverb nor participle by ending."""
    words = (word.removesuffix("'s") for word in _WORD.findall(name.lower()))
    return tuple(word for word in words if word not in _OTHER and not word.endswith(("ed", "ly")))


@cache
def tagger(name: str) -> Nouns:
    """Return the tagger called `name`: `heuristic`, or `spacy:MODEL` with an installed model of spaCy.

    Raises ConfigError when there is none.
    """
    kind, _, model = name.partition(":")
    if name == "heuristic":
        return heuristic
    if kind != "spacy" or not model:
        raise ConfigError(f"nouns: found {name!r}, expected heuristic, or spacy:MODEL such as spacy:en_core_web_sm")
    try:
        language = import_module("spacy").load(model)
    except (ImportError, OSError) as error:
        raise ConfigError(
            f"nouns: {name} cannot be loaded ({error}); pip install 'rftcore-webshop[spacy]' and the model, "
            "or use heuristic"
        ) from error

    @lru_cache(maxsize=65536)
    def nouns(text: str) -> tuple[str, ...]:
        return tuple(token.text.lower() for token in language(text) if token.pos_ in ("NOUN", "PROPN"))

    return nouns
