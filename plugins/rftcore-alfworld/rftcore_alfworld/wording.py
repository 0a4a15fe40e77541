"""What the player reads: the sentences of ALFWorld's text grammar, filled from a state.

The sentences are the original's to the letter, its articles (`a apple`) and its list of two (`a, and b`) included.
"""

from __future__ import annotations

from collections.abc import Iterable

from rftcore_alfworld.commands import Command, Dialect
from rftcore_alfworld.game import Game
from rftcore_alfworld.state import NOWHERE, State

NOTHING = "Nothing happens."
WELCOME = "-= Welcome to TextWorld, ALFRED! =-"
_USES = {
    "look": "look around your current location",
    "inventory": "check your current inventory",
    "go to (receptacle)": "move to a receptacle",
    "open (receptacle)": "open a receptacle",
    "close (receptacle)": "close a receptacle",
    "take (object) from (receptacle)": "take an object from a receptacle",
    "move (object) to (receptacle)": "place an object in or on a receptacle",
    "examine (something)": "examine a receptacle or an object",
    "use (object)": "use an object",
    "heat (object) with (receptacle)": "heat an object using a receptacle",
    "clean (object) with (receptacle)": "clean an object using a receptacle",
    "cool (object) with (receptacle)": "cool an object using a receptacle",
    "slice (object) with (object)": "slice an object using a sharp object",
}


def _help() -> str:
    # The original pads its lines to one width, but for the one that was renamed later.
    lines = [f"  {form + ':':<{32 if form.startswith('move') else 34}}{use}" for form, use in _USES.items()]
    return "Available commands:\n" + "\n".join(lines) + "\n"


HELP = _help()


def introduction(game: Game, state: State) -> str:
    """Return the first observation."""
    # A game begins as if looked at by mended eyes: the room, or whatever the agent faces, with nothing moved yet.
    return f"{WELCOME}\n\n{look(game, state, mended=True)}\n\nYour task is to: {game.sentence}."


def look(game: Game, state: State, mended: bool) -> str:
    """Return what `look` says: from the middle of the room what is in it, else the receptacles that the agent faces.

    The original sees nothing from the middle of the room, and lists as "next to it" what was moved from one receptacle
    here to another; `mended` does neither.
    """
    here = game.at[state.place]
    if not here:
        room = (found.name for found in game.receptacles if mended and found.place != NOWHERE)
        return f"You are in the middle of a room. Looking quickly around you, you see {listing(room)}."
    facing = listing((game.receptacles[receptacle].name for receptacle in here), article="")
    beside = [] if mended else [thing for thing in sorted(state.spots) if state.place in state.spots[thing]]
    left = (game.things[thing].name for thing in beside for r in here if (thing, r) in state.left)
    return f"You are facing the {facing}. Next to it, you see {listing(left)}."


def view(game: Game, state: State, receptacle: int) -> str:
    """Return what a receptacle looks like."""
    found = game.receptacles[receptacle]
    if found.openable and receptacle not in state.opened:
        return f"The {found.name} is closed."
    objects = listing(game.things[thing].name for thing in state.contents[receptacle])
    if found.openable:
        return f"The {found.name} is open. In it, you see {objects}."
    return f"On the {found.name}, you see {objects}."


def examine(game: Game, state: State, thing: int, mended: bool) -> str:
    """Return what an object looks like."""
    found = game.things[thing]
    if found.isreceptacleobject:
        inner = listing(game.things[inner].name for inner in state.inside.get(thing, ()))
        return f"This is a normal {found.name}. In it, you see {inner}."
    sliced, clean = thing in state.sliced, thing in state.clean
    warmth = "hot" if thing in state.hot else "cool" if thing in state.cool else ""
    if warmth == "cool" and not sliced and not clean:
        warmth = "cold"
    if warmth or clean:
        looks = " and ".join(word for word in (warmth, "clean" if clean else "") if word)
        return f"This is a {looks}{' sliced' if sliced else ''} {found.name}."
    if found.toggleable and (mended or thing in state.toggled):
        return f"This {found.name} is {'on' if thing in state.toggled else 'off'}."
    if found.sliceable and sliced:
        return f"This is a sliced {found.name}."
    return f"There's nothing special about {found.name}."


def answer(game: Game, state: State, command: Command, dialect: Dialect, mended: bool) -> str:
    """Return what is said after `command` was applied."""
    verb, first, second = command
    if verb == "look":
        return look(game, state, mended)
    if verb == "inventory":
        held = "" if state.held == NOWHERE else game.things[state.held].name
        return f"You are carrying: a {held}." if held else "You are not carrying anything."
    if verb == "help":
        return HELP
    if verb == "view":
        return view(game, state, first)
    if verb in ("go", "open", "close"):
        receptacle = game.receptacles[first].name
        if verb == "close":
            return f"You close the {receptacle}."
        arrived = game.places[state.place] if dialect == "0.3" else receptacle
        opening = f"You arrive at {arrived}." if verb == "go" else f"You open the {receptacle}."
        return f"{opening} {view(game, state, first)}"
    thing = game.things[first].name
    if verb == "examine":
        return examine(game, state, first, mended)
    if verb == "use":
        return f"You turn on the {thing}."
    if verb == "slice":
        return f"You sliced the {thing} with the {game.things[second].name}."
    receptacle = game.receptacles[second].name
    if verb == "take":
        return f"You pick up the {thing} from the {receptacle}."
    if verb == "put":
        word, link = ("put", "in/on") if dialect == "0.3" else ("move", "to")
        return f"You {word} the {thing} {link} the {receptacle}."
    return f"You {verb} the {thing} using the {receptacle}."


def listing(names: Iterable[str], article: str = "a ") -> str:
    """Return `a x, a y, and a z`; `nothing` without names."""
    each = [article + name for name in names]
    if len(each) < 2:
        return each[0] if each else "nothing"
    return f"{', '.join(each[:-1])}, and {each[-1]}"
