"""Constructive plans: fetch, treat, bring; or fetch and switch on the lamp. From any state, after any mistake.

A plan is found by trying every object, receptacle and lamp that the goal may mean, and keeping the shortest. With
`known`, only what lies in those receptacles counts; without, everything does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from rftcore_alfworld.commands import Command
from rftcore_alfworld.game import Game
from rftcore_alfworld.rules import DEVICES, visible
from rftcore_alfworld.state import NOWHERE, State

_VERBS = {"clean": "clean", "hot": "heat", "cool": "cool"}
"""What brings an object into a state."""


@dataclass
class _Walk:
    """A plan in the making, and what it has changed so far."""

    game: Game
    place: int
    held: int
    opened: set[int]
    steps: list[Command] = field(default_factory=list)

    def copy(self) -> _Walk:
        return _Walk(self.game, self.place, self.held, set(self.opened), list(self.steps))

    def reach(self, receptacle: int) -> None:
        place = self.game.receptacles[receptacle].place
        if place != self.place:
            self.steps.append(Command("go", receptacle))
            self.place = place

    def open(self, receptacle: int) -> None:
        self.reach(receptacle)
        if self.game.receptacles[receptacle].openable and receptacle not in self.opened:
            self.steps.append(Command("open", receptacle))
            self.opened.add(receptacle)

    def fetch(self, thing: int, receptacle: int) -> None:
        if self.held != thing:
            self.open(receptacle)
            self.steps.append(Command("take", thing, receptacle))
            self.held = thing

    def put(self, receptacle: int) -> None:
        self.open(receptacle)
        self.steps.append(Command("put", self.held, receptacle))
        self.held = NOWHERE


class Planner:
    """Plans in one state of one game."""

    def __init__(self, game: Game, state: State, known: Collection[int] | None = None) -> None:
        self._game, self._state = game, state
        receptacles = range(len(game.receptacles)) if known is None else sorted(known)
        self._known = frozenset(receptacles)
        self._where = {thing: r for r in reversed(receptacles) for thing in state.contents[r]}

    def plan(self) -> list[Command] | None:
        """Return the commands that reach the goal, or come nearest to it with what is known.

        None when nothing known is of use, or the agent holds something that it can put nowhere.
        """
        start = _Walk(self._game, self._state.place, self._state.held, set(self._state.opened))
        if start.held != NOWHERE and start.held not in self._game.targets and not self._put_away(start):
            return None
        plans = self._at_a_lamp(start) if self._game.goal.lamp else self._brought(start)
        best = min(plans, key=lambda plan: (plan[0], len(plan[1].steps)), default=None)
        return None if best is None else best[1].steps

    def _put_away(self, walk: _Walk) -> bool:
        game = self._game
        kind = game.things[walk.held].kind
        fitting = [n for n, found in enumerate(game.receptacles) if (found.kind, kind) in game.can_contain]
        if not fitting:
            return False
        closed = {n for n in fitting if game.receptacles[n].openable and n not in walk.opened}
        walk.put(min(fitting, key=lambda n: (n in closed, game.receptacles[n].place != walk.place, n)))
        return True

    def _brought(self, start: _Walk) -> Iterator[tuple[int, _Walk]]:
        """Yield for each destination how many objects would still be missing, and the way to bring the others."""
        game, goal = self._game, self._game.goal
        for destination in game.destinations:
            if (goal.destination, goal.target) not in game.can_contain:
                continue
            inside = self._state.contents[destination] if destination in self._known else []
            there = {thing for thing in inside if thing in game.targets and game.fit(self._state, thing)}
            walk, missing = start.copy(), goal.count - len(there)
            while missing > 0 and (after := self._nearest(walk, destination, there)) is not None:
                there.add(after.steps[-1].first)
                walk, missing = after, missing - 1
            if walk.steps:
                yield missing, walk

    def _nearest(self, walk: _Walk, destination: int, there: set[int]) -> _Walk | None:
        """Return the walk with the object added that takes the fewest steps; the one in the hand comes first."""
        ways = []
        for thing in [walk.held] if walk.held != NOWHERE else self._fetchable(there):
            way = walk.copy()
            way.fetch(thing, self._where.get(thing, NOWHERE))
            if self._treat(way, thing):
                way.put(destination)
                ways.append(way)
        return min(ways, key=lambda way: len(way.steps), default=None)

    def _fetchable(self, without: set[int]) -> list[int]:
        things = self._game.things
        return [t for t in sorted(self._game.targets - without) if t in self._where and things[t].pickupable]

    def _treat(self, walk: _Walk, thing: int) -> bool:
        """Add what brings `thing` into the state that the goal asks for; False when nothing here can."""
        game = self._game
        for state in sorted(game.goal.states):
            if thing in getattr(self._state, state):
                continue
            verb = _VERBS[state]
            kind, trait = DEVICES[verb]
            devices = [n for n, found in enumerate(game.receptacles) if found.kind == kind]
            if not devices or not getattr(game.things[thing], trait):
                return False
            device = min(devices, key=lambda n: (game.receptacles[n].place != walk.place, n))
            walk.reach(device)
            walk.steps.append(Command(verb, thing, device))
        return True

    def _at_a_lamp(self, start: _Walk) -> Iterator[tuple[int, _Walk]]:
        for thing in [start.held] if start.held != NOWHERE else self._fetchable(set()):
            for lamp in self._game.lamps:
                if lamp not in self._where:
                    continue
                walk, stand = start.copy(), self._where[lamp]
                walk.fetch(thing, self._where.get(thing, NOWHERE))
                if lamp in self._state.toggled:
                    walk.reach(stand)
                else:
                    walk.open(stand)
                    walk.steps.append(Command("use", lamp))
                if walk.steps:
                    yield 0, walk


def exploration(game: Game, state: State) -> list[Command] | None:
    """Return what an agent would do that knows only what it has been shown: use it, or look into what it has not seen.

    It looks first into receptacles that may hold what it needs, and into open ones before closed ones.
    """
    plan = Planner(game, state, state.seen).plan()
    if plan is not None:
        return plan
    found = state.held in game.targets or any(not game.targets.isdisjoint(state.contents[r]) for r in state.seen)
    wanted = game.goal.lamp if game.goal.lamp and found else game.goal.target
    unseen = [n for n in range(len(game.receptacles)) if n not in state.seen and game.receptacles[n].place != NOWHERE]

    def rank(number: int) -> tuple[bool, bool, bool, int]:
        candidate = game.receptacles[number]
        closed = candidate.openable and number not in state.opened
        return (candidate.kind, wanted) not in game.can_contain, candidate.place != state.place, closed, number

    if not unseen:
        return None
    receptacle = min(unseen, key=rank)
    if game.receptacles[receptacle].place != state.place:
        return [Command("go", receptacle)]
    return [Command("view" if visible(game, state, receptacle) else "open", receptacle)]
