"""Commands in words, in the two dialects that ALFWorld has spoken.

Up to version 0.3 objects are `put ... in/on ...`; from 0.4 on they are `move`d `... to ...`, and there is `help`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from rftcore_alfworld.game import Game

Dialect = Literal["0.3", "0.4"]

LONGEST = 200
"""Characters of an action that is read at all; the longest real one has about 60."""


class Command(NamedTuple):
    """A verb and what it is applied to; the numbers are -1 where the verb takes none.

    `first` is an object, but a receptacle for go, open, close and view (which is `examine` of a receptacle). `second`
    is a receptacle, but an object (the knife) for slice.
    """

    verb: str
    first: int = -1
    second: int = -1


_ALONE = ("inventory", "look", "help")
_RECEPTACLE = {"go": "go to", "open": "open", "close": "close", "view": "examine"}
_THING = {"use": "use", "examine": "examine"}
_PAIRS = {"take": "from", "heat": "with", "cool": "with", "clean": "with", "slice": "with"}
_PUT: dict[Dialect, tuple[str, str]] = {"0.3": ("put", "in/on"), "0.4": ("move", "to")}
_SHARED = (
    *("go to {place}", "open {place}", "close {place}", "take {thing} from {place}", "examine {thing}", "use {thing}"),
    *("heat {thing} with {place}", "cool {thing} with {place}", "clean {thing} with {place}"),
    *("slice {thing} with {knife}", "inventory", "look"),
)
TEMPLATES: dict[Dialect, tuple[str, ...]] = {
    "0.3": (*_SHARED, "put {thing} in/on {place}"),
    "0.4": (*_SHARED, "move {thing} to {place}", "help"),
}
"""Every form of a command."""


def write(game: Game, dialect: Dialect, command: Command) -> str:
    """Return a command in words; `read` inverts it."""
    verb, first, second = command
    if verb in _ALONE:
        return verb
    if verb in _RECEPTACLE:
        return f"{_RECEPTACLE[verb]} {game.receptacles[first].name}"
    thing = game.things[first].name
    if verb in _THING:
        return f"{_THING[verb]} {thing}"
    if verb == "slice":
        return f"slice {thing} with {game.things[second].name}"
    word, link = _PUT[dialect] if verb == "put" else (verb, _PAIRS[verb])
    return f"{word} {thing} {link} {game.receptacles[second].name}"


def read(game: Game, dialect: Dialect, text: str) -> Command | None:
    """Return the command that `text` is, or None when it is none or names what does not exist."""
    if text in _ALONE:
        return None if text == "help" and dialect == "0.3" else Command(text)
    verb, _, rest = text.partition(" ")
    if verb == "go":
        verb, rest = ("go", rest[3:]) if rest.startswith("to ") else ("", rest)
    if verb in ("go", "open", "close"):
        return _found(verb, game.receptacle_named.get(rest))
    if verb == "use":
        return _found(verb, game.thing_named.get(rest))
    if verb == "examine":
        thing = game.thing_named.get(rest)
        return _found("view", game.receptacle_named.get(rest)) if thing is None else Command("examine", thing)
    put, link = _PUT[dialect]
    if verb == put:
        verb = "put"
    elif verb in _PAIRS:
        link = _PAIRS[verb]
    else:
        return None
    left, _, right = rest.partition(f" {link} ")
    first = game.thing_named.get(left)
    second = (game.thing_named if verb == "slice" else game.receptacle_named).get(right)
    return None if first is None or second is None else Command(verb, first, second)


def _found(verb: str, number: int | None) -> Command | None:
    return None if number is None else Command(verb, number)
