"""What can be done in a state, and what it changes: the operators of the ALFRED domain.

`mended` rules differ from the original's where those contradict what the player is told; the README lists how.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

from rftcore_alfworld.commands import Command
from rftcore_alfworld.game import Game
from rftcore_alfworld.state import NOWHERE, State

DEVICES = {"clean": ("sinkbasin", "cleanable"), "heat": ("microwave", "heatable"), "cool": ("fridge", "coolable")}
"""For each verb the kind of its receptacle and the trait of its objects."""
KNIVES = ("knife", "butterknife")


def visible(game: Game, state: State, receptacle: int) -> bool:
    """Return whether a receptacle is where the agent is, and not closed."""
    found = game.receptacles[receptacle]
    return found.place == state.place and (not found.openable or receptacle in state.opened)


def in_sight(game: Game, state: State, thing: int) -> bool:
    """Return whether an object lies in or on a receptacle that is visible."""
    return any(thing in state.contents[r] and visible(game, state, r) for r in game.at[state.place])


def possible(game: Game, state: State, command: Command, mended: bool) -> bool:
    """Return whether a command, about things that exist, would do anything now."""
    verb, first, second = command
    if verb in ("inventory", "look", "help"):
        return True
    if verb in ("go", "open", "close", "view"):
        return _reachable(game, state, verb, first, mended)
    thing = game.things[first]
    if verb == "use":
        within = [r for r in game.at[state.place] if first in state.contents[r]]
        return thing.toggleable and any(not mended or visible(game, state, r) for r in within)
    if verb == "examine":
        return state.held == first or (mended and in_sight(game, state, first))
    if verb == "slice":
        sharp = state.held == second and game.things[second].kind in KNIVES
        near = in_sight(game, state, first) if mended else state.place in state.spots.get(first, ())
        return sharp and thing.sliceable and near
    if game.receptacles[second].place != state.place:
        return False
    if verb == "take":
        here = first in state.contents[second] and visible(game, state, second)
        return here and thing.pickupable and state.held == NOWHERE
    if state.held != first:
        return False
    if verb == "put":
        return visible(game, state, second) and (game.receptacles[second].kind, thing.kind) in game.can_contain
    device, trait = DEVICES[verb]
    return game.receptacles[second].kind == device and bool(getattr(thing, trait))


def _reachable(game: Game, state: State, verb: str, number: int, mended: bool) -> bool:
    receptacle = game.receptacles[number]
    here = receptacle.place == state.place
    if verb == "go":
        return receptacle.place != NOWHERE and (not here or (mended and number != state.facing))
    if verb == "open":
        return here and receptacle.openable and number not in state.opened
    if verb == "close":
        return here and receptacle.openable and number in state.opened
    return here


def candidates(game: Game, state: State) -> Iterator[Command]:
    """Yield commands among which are all that are possible, without those of things that are out of reach."""
    yield from (Command("inventory"), Command("look"), Command("help"))
    for receptacle in range(len(game.receptacles)):
        yield Command("go", receptacle)
    held = state.held
    if held != NOWHERE:
        yield Command("examine", held)
    for receptacle in game.at[state.place]:
        yield from (Command(verb, receptacle) for verb in ("open", "close", "view"))
        for thing in state.contents[receptacle]:
            yield from (Command("take", thing, receptacle), Command("use", thing), Command("examine", thing))
        if held != NOWHERE:
            yield from (Command(verb, held, receptacle) for verb in ("put", *DEVICES))
    if held != NOWHERE and game.things[held].kind in KNIVES:
        yield from (Command("slice", thing, held) for thing, places in state.spots.items() if state.place in places)


def apply(game: Game, state: State, command: Command, mended: bool) -> None:
    """Change `state` by a possible command."""
    verb, first, second = command
    if verb == "go":
        state.place, state.facing = game.receptacles[first].place, first
    elif verb == "open":
        state.opened.add(first)
    elif verb == "close":
        state.opened.discard(first)
    elif verb == "use":
        state.toggled.add(first)
    elif verb == "take":
        _take(state, first, second, mended)
    elif verb == "put":
        insort(state.contents[second], first)
        state.spots.setdefault(first, []).append(state.place)
        state.left.discard((first, second))
        state.held = NOWHERE
    elif verb == "clean":
        state.clean.add(first)
    elif verb == "heat":
        state.hot.add(first)
        state.cool.discard(first)
    elif verb == "cool":
        state.cool.add(first)
        state.hot.discard(first)
    elif verb == "slice":
        state.sliced.add(first)
    if verb in ("go", "open", "view") and visible(game, state, first):
        state.seen.add(first)


def _take(state: State, thing: int, receptacle: int, mended: bool) -> None:
    state.contents[receptacle].remove(thing)
    spots = state.spots.get(thing, [])
    if state.place in spots:
        spots.remove(state.place)
    state.left.add((thing, receptacle))
    state.held = thing
    if mended:
        # The domain leaves what is in a container on the receptacle, so whichever of the two is taken, they part.
        state.inside.pop(thing, None)
        for objects in state.inside.values():
            if thing in objects:
                objects.remove(thing)
