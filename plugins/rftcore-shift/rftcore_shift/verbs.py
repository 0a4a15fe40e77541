"""Other words for verbs: a seeded table, so that a policy has to read the rules and cannot rely on what it knows."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable

from rftcore.action_template import ActionTemplate

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"


def table(verbs: Iterable[str], taken: Collection[str], key: str) -> dict[str, str]:
    """Return a word of five letters for each verb, drawn from `key`: none twice, none that is `taken`.

    The words are invented (consonant, vowel, consonant, vowel, consonant), so that they can be said and read.
    """
    rng = random.Random(key)
    used = {*taken}
    words = {}
    for verb in sorted({*verbs}):
        word = ""
        while not word or word in used:
            word = "".join(rng.choice(_VOWELS if place % 2 else _CONSONANTS) for place in range(5))
        used.add(word)
        words[verb] = word
    return words


def renamed(template: ActionTemplate, words: dict[str, str]) -> ActionTemplate:
    """Return `template` with the other word for its verb, in every literal: an environment may write it twice.

    A template without words of its own, such as `{number}`, stays what it is.
    """
    word = words.get(template.verb)
    if word is None:
        return template
    pattern = re.compile(rf"(?<!\w){re.escape(template.verb)}(?!\w)")
    literals = [pattern.sub(word, literal) for literal in template.literals]
    return ActionTemplate(literals[0] + "".join(map("{{{}}}{}".format, template.names, literals[1:])))
