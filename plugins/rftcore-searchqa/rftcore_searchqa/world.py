"""The encyclopaedia's world: invented people, towns, firms and works, and the facts that connect them.

One seed makes one world, the same in every process. Nothing here is written down as text yet: `passages` does that.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from rftcore_searchqa import names

SEED = 20260312
SIZES = {"person": 900, "town": 260, "firm": 320, "work": 800}
_PUBLISHERS = 60
_ARTISTS = 360
_ALIASED = 0.33
_UNDER_ALIAS = 0.5
"""Works of a maker with an alias that are credited to the alias."""


@dataclass(frozen=True, slots=True)
class Fact:
    """The value of one relation."""

    text: str
    """As the passage writes it."""
    also: tuple[str, ...] = ()
    """Other answers that are right too."""
    thing: int | None = None
    """Number of the thing that the value is."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that has a passage of its own."""

    number: int
    kind: str
    """person, town, firm, novel, play, opera, painting or surname."""
    name: str
    alias: str | None = None
    facts: dict[str, Fact] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    """Names that its passage mentions besides its facts."""

    def called(self) -> tuple[str, ...]:
        """Return its name, then its alias if it has one."""
        return (self.name,) if self.alias is None else (self.name, self.alias)


@dataclass(frozen=True, slots=True)
class World:
    """Everything there is, by number."""

    things: tuple[Thing, ...]

    def of(self, *kinds: str) -> list[Thing]:
        """Return the things of some kinds."""
        return [thing for thing in self.things if thing.kind in kinds]


@cache
def world() -> World:
    """Return the one world; made once per process, in about a tenth of a second."""
    rng = random.Random(SEED)
    things = [
        *_named(rng, "person", _pairs(rng, names.FIRST_NAMES, names.SURNAMES)),
        *_named(rng, "town", _pairs(rng, names.TOWN_NAMES, names.TOWN_KINDS)),
        *_named(rng, "firm", _pairs(rng, names.SURNAMES, names.FIRM_KINDS)),
        *_named(rng, "work", (f"The {name}" for name in _pairs(rng, names.ADJECTIVES, names.NOUNS))),
    ]
    things = [_numbered(thing, number) for number, thing in enumerate(things)]
    people, towns, firms, works = (
        [thing for thing in things if thing.kind == kind] for kind in ("person", "town", "firm", "work")
    )
    years = {person.number: rng.randrange(1800, 1920) for person in people}
    for place, person in enumerate(people):
        _fill_person(rng, person, place, years, people, towns, firms)
    for town in towns:
        _fill_town(rng, town, people, towns)
    for place, firm in enumerate(firms):
        _fill_firm(rng, firm, place < _PUBLISHERS, years, people, towns, firms)
    for place, work in enumerate(works):
        things[work.number] = _filled_work(rng, work, place, years, people[:_ARTISTS], towns, firms[:_PUBLISHERS])
    return World((*things, *_surnames(rng, len(things), people, firms)))


def _pairs(rng: random.Random, first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    pairs = [f"{left} {right}" for left in first for right in second]
    rng.shuffle(pairs)
    return iter(pairs)


def _named(rng: random.Random, kind: str, pairs: Iterator[str]) -> Iterator[Thing]:
    aliases = _pairs(rng, names.ADJECTIVES, names.ANIMALS)
    for _ in range(SIZES[kind]):
        alias = f"the {next(aliases)}" if kind == "person" and rng.random() < _ALIASED else None
        yield Thing(0, kind, next(pairs), alias)


def _numbered(thing: Thing, number: int) -> Thing:
    return Thing(number, thing.kind, thing.name, thing.alias, thing.facts)


def _one(thing: Thing) -> Fact:
    return Fact(thing.name, thing.called()[1:], thing.number)


def _fill_person(
    rng: random.Random,
    person: Thing,
    place: int,
    years: dict[int, int],
    people: Sequence[Thing],
    towns: Sequence[Thing],
    firms: Sequence[Thing],
) -> None:
    # A third of the artists for each art would make most questions about novels; they take turns instead.
    occupation = list(names.ARTS)[place % len(names.ARTS)] if place < _ARTISTS else rng.choice(names.OCCUPATIONS)
    born = years[person.number]
    older = [other for other in rng.sample(people, 20) if years[other.number] < born - 15]
    teacher = older[0] if older else min(people, key=lambda other: years[other.number])
    if teacher is person:
        teacher = people[(place + 1) % len(people)]
    person.facts.update(
        birthplace=_one(rng.choice(towns)),
        year=Fact(str(born)),
        occupation=Fact(occupation),
        teacher=_one(teacher),
        employer=_one(rng.choice(firms)),
    )


def _fill_town(rng: random.Random, town: Thing, people: Sequence[Thing], towns: Sequence[Thing]) -> None:
    town.facts.update(
        region=Fact(rng.choice(names.REGIONS)),
        river=Fact(rng.choice(names.RIVERS)),
        mayor=_one(rng.choice(people)),
        year=Fact(str(rng.randrange(1400, 1800, 10))),
        population=Fact(f"{rng.randrange(2, 99)},{rng.randrange(10)}00"),
    )


def _fill_firm(
    rng: random.Random,
    firm: Thing,
    publishes: bool,
    years: dict[int, int],
    people: Sequence[Thing],
    towns: Sequence[Thing],
    firms: Sequence[Thing],
) -> None:
    founder = rng.choice(people)
    firm.facts.update(
        founder=_one(founder),
        seat=_one(rng.choice(towns)),
        product=Fact("books" if publishes else rng.choice(names.PRODUCTS)),
        year=Fact(str(years[founder.number] + rng.randrange(20, 46))),
    )


def _filled_work(
    rng: random.Random,
    work: Thing,
    place: int,
    years: dict[int, int],
    artists: Sequence[Thing],
    towns: Sequence[Thing],
    publishers: Sequence[Thing],
) -> Thing:
    maker = artists[place % len(artists)] if place < len(artists) else rng.choice(artists)
    credited = _one(maker)
    if maker.alias is not None and rng.random() < _UNDER_ALIAS:
        credited = Fact(maker.alias, (maker.name,), maker.number)
    facts = {
        "maker": credited,
        "publisher": _one(rng.choice(publishers)),
        "setting": _one(rng.choice(towns)),
        "year": Fact(str(years[maker.number] + rng.randrange(20, 50))),
    }
    return Thing(work.number, names.ARTS[maker.facts["occupation"].text], work.name, None, facts)


def _surnames(rng: random.Random, start: int, people: Sequence[Thing], firms: Sequence[Thing]) -> Iterator[Thing]:
    """Yield a passage for each family name: it names many, and answers nothing."""
    for place, surname in enumerate(names.SURNAMES):
        bearers = [thing.name for thing in people if thing.name.endswith(f" {surname}")]
        named = [thing.name for thing in firms if thing.name.startswith(f"{surname} ")]
        rng.shuffle(bearers)
        yield Thing(start + place, "surname", surname, None, {}, (*bearers[:5], *named[:2]))
