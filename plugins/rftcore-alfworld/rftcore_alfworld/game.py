"""One game: its objects, receptacles and places, what never changes about them, and how it begins.

A game is built from facts of the ALFRED domain, whether they come from an official file or from our own generator, so
that both are played by the same engine. It is immutable but for `start`, which is copied before it is played.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

from rftcore.errors import ConfigError
from rftcore_alfworld.goal import Goal, kind
from rftcore_alfworld.names import names
from rftcore_alfworld.pddl import Fact
from rftcore_alfworld.state import NOWHERE, State

_ARITY = {
    "atlocation": 2,
    "receptacleatlocation": 2,
    "objectatlocation": 2,
    "inreceptacle": 2,
    "inreceptacleobject": 2,
    "objecttype": 2,
    "receptacletype": 2,
    "cancontain": 2,
    "holds": 2,
}
"""Predicates that are read, with two arguments; those with one are `_TRAITS` and `_STATES`."""
_TRAITS = ("pickupable", "cleanable", "heatable", "coolable", "toggleable", "sliceable", "isreceptacleobject")
MOST = 1000
"""Objects and receptacles that a game may have in all; the published ones have about 100."""
_STATES = {"isclean": "clean", "ishot": "hot", "iscool": "cool", "issliced": "sliced", "istoggled": "toggled"}


@dataclass(frozen=True, slots=True)
class Thing:
    """An object that may be moved or used."""

    name: str
    kind: str
    """Its class, such as `butterknife`."""
    pickupable: bool
    cleanable: bool
    heatable: bool
    coolable: bool
    toggleable: bool
    sliceable: bool
    isreceptacleobject: bool
    """It is a movable container, such as a bowl."""


@dataclass(frozen=True, slots=True)
class Receptacle:
    """A piece of furniture that stays where it is."""

    name: str
    kind: str
    place: int
    openable: bool


@dataclass(frozen=True)
class Game:
    """The tables of one game. Objects and receptacles are numbered in the order of their identifiers."""

    things: tuple[Thing, ...]
    receptacles: tuple[Receptacle, ...]
    places: tuple[str, ...]
    """Names of the locations, such as `loc 12`."""
    can_contain: frozenset[tuple[str, str]]
    """Pairs of a receptacle's kind and an object's kind."""
    goal: Goal
    sentence: str
    """The goal in words, without the full stop."""
    start: State

    @cached_property
    def thing_named(self) -> dict[str, int]:
        """Numbers of the objects."""
        return {thing.name: number for number, thing in enumerate(self.things)}

    @cached_property
    def receptacle_named(self) -> dict[str, int]:
        """Numbers of the receptacles."""
        return {receptacle.name: number for number, receptacle in enumerate(self.receptacles)}

    @cached_property
    def at(self) -> tuple[tuple[int, ...], ...]:
        """For each place the receptacles there."""
        found: list[list[int]] = [[] for _ in self.places]
        for number, receptacle in enumerate(self.receptacles):
            if receptacle.place != NOWHERE:
                found[receptacle.place].append(number)
        return tuple(tuple(numbers) for numbers in found)

    @cached_property
    def targets(self) -> frozenset[int]:
        """The objects that the goal may mean."""
        return frozenset(
            number
            for number, thing in enumerate(self.things)
            if thing.kind == self.goal.target and all(getattr(thing, ability) for ability in self.goal.abilities)
        )

    @cached_property
    def destinations(self) -> tuple[int, ...]:
        """The receptacles that the goal may mean."""
        return tuple(n for n, receptacle in enumerate(self.receptacles) if receptacle.kind == self.goal.destination)

    @cached_property
    def lamps(self) -> tuple[int, ...]:
        """The lamps that the goal may mean."""
        return tuple(n for n, t in enumerate(self.things) if t.toggleable and t.kind == self.goal.lamp)

    def done(self, state: State) -> bool:
        """Return whether the goal holds."""
        goal = self.goal
        if goal.lamp:
            here = self.at[state.place]
            lit = any(lamp in state.toggled and any(lamp in state.contents[r] for r in here) for lamp in self.lamps)
            return lit and state.held != NOWHERE and self.things[state.held].kind == goal.target
        return any(
            sum(thing in self.targets and self.fit(state, thing) for thing in state.contents[receptacle]) >= goal.count
            for receptacle in self.destinations
        )

    def fit(self, state: State, thing: int) -> bool:
        """Return whether an object is in the state that the goal asks for."""
        return all(thing in getattr(state, name) for name in self.goal.states)


def build(facts: Sequence[Fact], goal: Goal, sentence: str, mended: bool) -> Game:
    """Build a game from the initial facts, in any order; facts with other predicates do not matter.

    Raises ConfigError when facts contradict each other or something is missing.
    """
    by_predicate: dict[str, list[Fact]] = {name: [] for name in (*_ARITY, *_TRAITS, *_STATES, "openable", "opened")}
    for fact in facts:
        if fact[0] in by_predicate:
            arity = _ARITY.get(fact[0], 1)
            if len(fact) != arity + 1:
                raise ConfigError(f"found the fact ({' '.join(fact)[:80]}), expected {arity} arguments")
            by_predicate[fact[0]].append(fact)
    named = names((word for fact in facts for word in fact[1:]), mended)
    things = sorted({fact[1] for fact in by_predicate["objecttype"]})
    receptacles = sorted({fact[1] for fact in by_predicate["receptacletype"]})
    if len(things) + len(receptacles) > MOST:
        found = f"{len(things)} objects and {len(receptacles)} receptacles"
        raise ConfigError(f"found {found}, expected at most {MOST} together")
    located = ("atlocation", "receptacleatlocation", "objectatlocation")
    places = sorted({fact[2] for predicate in located for fact in by_predicate[predicate]})
    start = _start(by_predicate, _ranks(things), _ranks(receptacles), _ranks(places))
    return Game(
        things=_things(by_predicate, things, named),
        receptacles=_receptacles(by_predicate, receptacles, _ranks(places), named),
        places=tuple(named[place] for place in places),
        can_contain=frozenset((kind(fact[1]), kind(fact[2])) for fact in by_predicate["cancontain"]),
        goal=goal,
        sentence=sentence,
        start=start,
    )


def _things(facts: dict[str, list[Fact]], identifiers: Sequence[str], named: dict[str, str]) -> tuple[Thing, ...]:
    kinds = _unique(facts["objecttype"])
    having = {trait: {fact[1] for fact in facts[trait]} for trait in _TRAITS}
    return tuple(
        Thing(named[thing], kind(kinds[thing]), *(thing in having[trait.name] for trait in fields(Thing)[2:]))
        for thing in identifiers
    )


def _receptacles(
    facts: dict[str, list[Fact]], identifiers: Sequence[str], places: dict[str, int], named: dict[str, str]
) -> tuple[Receptacle, ...]:
    kinds, locations = _unique(facts["receptacletype"]), _unique(facts["receptacleatlocation"])
    openable = {fact[1] for fact in facts["openable"]}
    unknown = sorted(locations.keys() - kinds.keys())
    if unknown:
        raise ConfigError(f"found the receptacle {unknown[0][:80]!r} without a type, expected (receptacleType ...)")
    return tuple(
        Receptacle(named[r], kind(kinds[r]), places[locations[r]] if r in locations else NOWHERE, r in openable)
        for r in identifiers
    )


def _start(
    facts: dict[str, list[Fact]], things: dict[str, int], receptacles: dict[str, int], places: dict[str, int]
) -> State:
    agents = _unique(facts["atlocation"])
    if len(agents) != 1:
        raise ConfigError(f"found {len(agents)} agents with a location, expected one")
    try:
        state = State(places[next(iter(agents.values()))], [[] for _ in receptacles], {})
        for _, thing, receptacle in facts["inreceptacle"]:
            insort(state.contents[receptacles[receptacle]], things[thing])
        for _, thing, place in facts["objectatlocation"]:
            state.spots.setdefault(things[thing], []).append(places[place])
        for _, thing, holder in facts["inreceptacleobject"]:
            insort(state.inside.setdefault(things[holder], []), things[thing])
        for _, _, thing in facts["holds"]:
            state.held = things[thing]
        for predicate, name in _STATES.items():
            getattr(state, name).update(things[fact[1]] for fact in facts[predicate])
        state.opened.update(receptacles[fact[1]] for fact in facts["opened"])
    except KeyError as error:
        raise ConfigError(f"found a fact about {str(error)[:80]}, expected something with a type") from None
    return state


def _unique(facts: Iterable[Fact]) -> dict[str, str]:
    found: dict[str, str] = {}
    for predicate, subject, value in facts:
        if found.setdefault(subject, value) != value:
            raise ConfigError(f"found ({predicate} {subject[:80]} ...) twice with different values, expected one")
    return found


def _ranks(identifiers: Sequence[str]) -> dict[str, int]:
    return {identifier: rank for rank, identifier in enumerate(identifiers)}
