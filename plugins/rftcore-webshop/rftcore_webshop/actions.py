"""Reading actions: `search[WORDS]` and `click[LABEL]`."""

from __future__ import annotations

from typing import NamedTuple


class Action(NamedTuple):
    """What an agent wants: a name, and a lower-cased argument with the space around it."""

    name: str
    argument: str


def read(text: str) -> Action | None:
    """Return the action in `text`, its name in any case, space around it forgiven; None when it has another form."""
    whole = text.strip()
    name, bracket, rest = whole.partition("[")
    if not bracket or not rest.endswith("]"):
        return None
    return Action(name.strip().lower(), rest[:-1].lower())


def read_original(text: str) -> Action | None:
    """Return the action as the original's pattern `(.+)\\[(.+)\\]` finds it at the beginning of `text`.

    What follows the last closing bracket of the first line is ignored. Found from the right, in time linear in the
    length, which the pattern is not.
    """
    line = text.partition("\n")[0]
    end = line.rfind("]")
    start = line.rfind("[", 1, end - 1) if end > 2 else -1
    return Action(line[:start], line[start + 1 : end].lower()) if start > 0 else None
