"""Sentences that have nothing to do with any goal, and where they come up.

Distractors in observations are what arXiv 2601.18217 adds in training to help elsewhere. A sentence is used only in
environments whose vocabulary does not have its thing, so that it never tells of something that can be acted on.
"""

from __future__ import annotations

import random
from collections.abc import Collection

SENTENCES = {
    "seagull": "A seagull cries far away.",
    "thunder": "Thunder rolls in the distance.",
    "violin": "Somewhere a violin is being tuned.",
    "lighthouse": "The beam of a lighthouse passes by.",
    "tram": "A tram rattles past outside.",
    "moth": "A moth circles overhead.",
    "cinnamon": "There is a faint smell of cinnamon.",
    "draught": "A draught comes from nowhere in particular.",
    "helicopter": "A helicopter drones above.",
    "graffiti": "Old graffiti covers a part of the plaster.",
    "chimes": "Wind chimes tinkle once.",
    "cobweb": "A cobweb hangs in a corner.",
    "echo": "Every sound has a short echo.",
    "siren": "A siren wails and fades.",
    "bagpipe": "Someone practises the bagpipe.",
    "hail": "Hail drums on the roof for a moment.",
    "sparrow": "A sparrow hops about and is gone.",
    "shadow": "A shadow moves and turns out to be nothing.",
    "plumbing": "The plumbing gurgles.",
    "perfume": "A trace of perfume is in the air.",
    "footsteps": "Footsteps cross the floor above.",
    "choir": "A choir rehearses next door.",
    "fog": "Fog drifts by outside.",
    "cricket": "A cricket chirps and stops.",
    "elevator": "An elevator hums behind a wall.",
    "confetti": "Some confetti lies about from last year.",
    "accordion": "An accordion plays two bars of a waltz.",
    "drizzle": "It has begun to drizzle.",
    "bellows": "A sound as of bellows comes and goes.",
    "parade": "A parade can be heard streets away.",
    "rooster": "A rooster crows at the wrong time of day.",
    "static": "A radio gives nothing but static.",
}
"""By the thing that each is about."""


def usable(words: Collection[str]) -> tuple[str, ...]:
    """Return the sentences about things that are not among `words`."""
    return tuple(sentence for thing, sentence in SENTENCES.items() if thing not in words)


def insert(text: str, sentences: tuple[str, ...], count: int, rng: random.Random) -> str:
    """Return `text` with `count` different sentences, each on a line of its own between, before or after its lines."""
    lines = text.split("\n")
    for sentence in rng.sample(sentences, count):
        lines.insert(rng.randint(0, len(lines)), sentence)
    return "\n".join(lines)
