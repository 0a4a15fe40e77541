"""How the encyclopaedia is written: one passage a thing, 25 to 50 words, every fact in one of several phrasings.

A passage also names things that answer nothing there (a rival, a second town), so that reading it takes more than
finding a name of the right kind. Which phrasing, and which names beside, follows from the thing's number.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache

from rftcore_searchqa.names import SIGHTS
from rftcore_searchqa.relations import WORKS
from rftcore_searchqa.world import SEED, Thing, world

_PERSON = (
    (
        "{name}, born in {year} in {birthplace}, was {occupation}.",
        "{name} was {occupation}, born in {birthplace} in {year}.",
        "In {year} {name} was born in {birthplace}, the child of a farmer. {last} became {occupation}.",
    ),
    ("{teacher} taught {last}.", "The teacher of {last} was {teacher}.", "{last} was taught by {teacher}."),
    (
        "Later {last} worked for the firm {employer} and lived in {town}.",
        "For many years {last} lived in {town} and worked for the firm {employer}.",
    ),
)
_TOWN = (
    (
        "{name} is a town in the region of {region}, where the river {river} runs through it.",
        "The river {river} runs through {name}, a town in the region of {region}.",
    ),
    (
        "It was founded in {year}, and {population} people live there.",
        "Founded in {year}, it is a place where {population} people live.",
    ),
    ("The mayor is {mayor}, and before that it was {person}.", "After {person}, the mayor of the town is {mayor}."),
)
_FIRM = (
    (
        "{name} is a firm based in {seat}. It makes {product}.",
        "The firm {name} makes {product} and is based in {seat}.",
    ),
    ("It was founded in {year} by {founder}.", "{founder} founded it in {year}."),
    ("For many years its rival was {firm}.", "The firm once tried to buy its rival {firm}."),
)
_WORK = (
    ("{name} is {kind} by {maker}.", "{maker} {made} {name}, {kind}."),
    (
        "It came out in {year} and was published by {publisher}.",
        "{publisher} published it, and it came out in {year}.",
    ),
    ("It is set in {setting}, in the house of a {trade}.", "The story of a {trade} is set in the town of {setting}."),
)
_ALIASED = ("{last} was also known as {alias}.", "Many knew {last} only as {alias}.")
_BESIDE = {
    "person": ("Friends of {last} were {person} and {other}.", "{last} wrote many letters to {person} and {other}."),
    "town": ("Roads lead to {town} and {far}.", "{town} and {far} are not far."),
    "firm": (
        "A second house in {town} was closed after a fire.",
        "{person} later led it with {other}.",
        "Most of what it makes is sold in {town} and {far}.",
    ),
    "work": (
        "{person} compared it with {work}.",
        "Some like it less than {work}, as {person} wrote.",
        "A copy is kept in {town}, near the {sight}.",
    ),
}
_MADE = {"novel": "wrote", "play": "wrote", "opera": "composed", "painting": "painted"}
_PARTS = {"person": _PERSON, "town": _TOWN, "firm": _FIRM, "work": _WORK}
_PLACES = {"person": "person", "other": "person", "town": "town", "far": "town", "firm": "firm", "work": "work"}
"""Names beside, and of what kind."""
_TRADES = ("farmer", "judge", "miner", "sailor", "baker", "weaver")


@cache
def passages() -> dict[str, str]:
    """Return the contents of each passage by id: the title in quotes, a line break, the text."""
    made = world()
    kinds = {"person": made.of("person"), "town": made.of("town"), "firm": made.of("firm"), "work": made.of(*WORKS)}
    return {passage_id(thing.number): f'"{thing.name}"\n{_text(thing, kinds)}' for thing in made.things}


def passage_id(number: int) -> str:
    """Return the id of a thing's passage; ids as text are in the order of the numbers."""
    return f"{number:05}"


def _text(thing: Thing, kinds: Mapping[str, Sequence[Thing]]) -> str:
    rng = random.Random(f"{SEED}/{thing.number}")
    if thing.kind == "surname":
        return _surname(thing)
    words = {name: fact.text for name, fact in thing.facts.items()}
    words["name"] = thing.name
    words["last"] = thing.name.split()[-1]
    words["sight"] = rng.choice(SIGHTS)
    words["trade"] = rng.choice(_TRADES)
    taken = {fact.thing for fact in thing.facts.values()} | {thing.number}
    for place, kind in _PLACES.items():
        words[place] = _other(rng, kinds[kind], taken)
    group = "work" if thing.kind in WORKS else thing.kind
    if group == "person":
        words["occupation"] = _with_article(words["occupation"])
    if group == "work":
        words["kind"], words["made"] = _with_article(thing.kind), _MADE[thing.kind]
    parts = [rng.choice(phrasings) for phrasings in _PARTS[group]]
    if thing.alias is None:
        parts.append(rng.choice(_BESIDE[group]))
    else:
        words["alias"] = thing.alias
        parts.insert(2, rng.choice(_ALIASED))
    sentences = [part.format(**words) for part in parts]
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)


def _other(rng: random.Random, things: Sequence[Thing], taken: set[int | None]) -> str:
    """Return the name of one of `things` that the passage does not name yet."""
    while (thing := rng.choice(things)).number in taken:
        pass
    taken.add(thing.number)
    return thing.name


def _surname(thing: Thing) -> str:
    first, *others = thing.beside
    listed = ", ".join(others)
    return (
        f"{thing.name} is an old family name, found in many towns and regions. Among those who have it is {first}. "
        f"Others with the name are {listed}."
    )


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
