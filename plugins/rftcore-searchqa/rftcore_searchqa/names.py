"""The closed lists that every name of the encyclopaedia is composed from.

A few hundred words make thousands of names, so that a small tokenizer reads them all and many things share a word. None
of these people and places exists.
"""

from __future__ import annotations


def _composed(starts: str, ends: str) -> tuple[str, ...]:
    return tuple(start + end for start in starts.split() for end in ends.split())


FIRST_NAMES = _composed("Ad Bel Cor El Fen Il Jor Mar Nol Tal", "a an in ea wen us ric o")
SURNAMES = _composed("Bar Cal Dor Ev Gan Har Kir Lam Mor Pol Ren Vos", "den wick mar tov sen lin gard by rik dal nek")
TOWN_NAMES = _composed("Ash Brim Cold Dun Elm Fal Gold Hart Kel Lor Nor Wen", "ford ham stead mere ton")
TOWN_KINDS = ("Harbour", "Hill", "Bridge", "Cross", "Vale", "Green", "Market", "Abbey")
REGIONS = _composed("Ar Bol Cer Dov Es", "nia land mark via")
RIVERS = _composed("Ul Ven Sor Pel Om Rav", "a ek in or")
FIRM_KINDS = ("Works", "Brothers", "Company", "House", "Mills", "Union")
PRODUCTS = (
    *("clocks", "bells", "lamps", "ropes", "sails", "boots", "carpets", "pianos", "engines", "bottles", "candles"),
    *("barrels", "gloves", "knives", "violins", "wagons", "mirrors", "needles", "kettles", "bricks", "umbrellas"),
)
ADJECTIVES = (
    *("Silent", "Golden", "Broken", "Hidden", "Northern", "Distant", "Frozen", "Crimson", "Hollow", "Patient"),
    *("Restless", "Silver", "Bitter", "Gentle", "Wandering", "Forgotten", "Narrow", "Burning", "Quiet", "Scarlet"),
    *("Empty", "Ancient", "Velvet", "Lonely", "Faithful", "Crooked", "Eastern", "Pale", "Proud", "Sunken"),
)
NOUNS = (
    *("Lantern", "Garden", "Winter", "Mountain", "Letter", "Orchard", "Window", "Island", "Compass", "Forest"),
    *("Mirror", "Tower", "Shore", "Crown", "Journey", "Meadow", "Anchor", "Castle", "Feather", "Kingdom"),
    *("Ladder", "Cathedral", "Candle", "Voyage", "Thunder", "Desert", "Carnival", "Stranger", "Shadow", "Ribbon"),
)
ANIMALS = ("Heron", "Badger", "Falcon", "Otter", "Raven", "Stag", "Wolf", "Hare", "Swan", "Lynx", "Crane", "Fox")
ARTS = {"novelist": "novel", "playwright": "play", "composer": "opera", "painter": "painting"}
"""What each artist makes."""
OCCUPATIONS = (
    *("engineer", "botanist", "judge", "sailor", "surgeon", "baker", "printer", "astronomer", "teacher", "miner"),
    *("architect", "chemist", "farmer", "weaver", "banker", "explorer", "gardener", "soldier", "librarian", "pilot"),
)
SIGHTS = ("old mill", "stone bridge", "town hall", "fish market", "round church", "glass station", "winter fair")
