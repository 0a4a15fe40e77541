"""What the text says about a view: the description, and the actions that are possible now.

The wording, the order and the numbering are those of AgentGym's BabyAI, whose peculiarities stay under `mended=False`.
With `mended=True` the same sentences follow rules without traps, listed in the README.
"""

from __future__ import annotations

from typing import NamedTuple

from rftcore_babyai.route import Window
from rftcore_babyai.sight import AGENT, AHEAD, ASIDE, BOXES, DOORS, EMPTY, FRONT, NAMES, NEAREST, OPAQUE, WALL
from rftcore_babyai.world import DROP, FORWARD, LEFT, PICKUP, RIGHT, TOGGLE

CHECK = "check available actions"
COMPLETED = "\n The task is completed."
FAILED = "\n The task has failed."
TIME_UP = "\n The time is up."
UNKNOWN = "The action is not recognized. Please check valid actions."
UNCHANGED = "No change in state."


class Macro(NamedTuple):
    """What an action's text stands for: walk to a window cell, then some low-level actions."""

    target: int | None
    """Window index to face, or to stand on when `enter`; None to stay."""
    enter: bool
    then: tuple[int, ...]


class Scene(NamedTuple):
    """The text side of one moment."""

    description: str
    actions: dict[str, Macro]
    refusals: dict[str, str]
    """What is answered to actions that could be meant, but are not possible now."""
    window: Window


def _where(index: int) -> str:
    ahead, right = ASIDE[index]
    if right == 0:
        return f"right in front of you {ahead} steps away. "
    return f"{ahead} steps in front of you and {abs(right)} steps to your {'right' if right > 0 else 'left'}. "


WHERE = tuple(_where(index) for index in range(len(ASIDE)))
_STAY = {
    "turn left": Macro(None, False, (LEFT,)),
    "turn right": Macro(None, False, (RIGHT,)),
    "move forward": Macro(None, False, (FORWARD,)),
    "drop": Macro(None, False, (DROP,)),
    "toggle": Macro(None, False, (TOGGLE,)),
    CHECK: Macro(None, False, ()),
}


class _Ids:
    """The numbers that tell things with the same name apart, in `pickup` and `go to`.

    The description counts everything by distance. AgentGym counts only what can be reached here, so that its ids may
    point at something else than the description's. Mended, they are the description's.
    """

    def __init__(self, mended: bool) -> None:
        self._mended = mended
        self._reached: dict[str, int] = {}

    def label(self, name: str, number: int, reached: bool) -> str:
        if not self._mended:
            number = self._reached.get(name, 0) + 1
            if reached:
                self._reached[name] = number
        return f"{name} {number}"


def compose(view: list[int], direction: int, mended: bool) -> Scene:
    """Return the text side of `view`, as seen when facing `direction`."""
    carried = view[AGENT]
    counts: dict[int, int] = {}
    things = []
    for index in NEAREST:
        code = view[index]
        if code > WALL:
            counts[code] = number = counts.get(code, 0) + 1
            things.append((index, code, number))
    barrier = next((index for index in AHEAD if view[index] == WALL or view[index] in BOXES), None)
    window = Window(view, direction, doors_block=mended)
    actions = {"turn left": _STAY["turn left"], "turn right": _STAY["turn right"]}
    refusals: dict[str, str] = {}
    ahead = view[FRONT]

    passable = ahead == EMPTY or (ahead in DOORS and ahead not in OPAQUE)
    if passable if mended else barrier != FRONT:
        actions["move forward"] = _STAY["move forward"]
    else:
        refusals["move forward"] = "There is a barrier in front of you, you can't move forward."
    _list_pickups(things, carried, window, mended, actions, refusals)
    if carried == EMPTY:
        refusals["drop"] = "You cannot drop the object, as you are not carrying anything."
    elif ahead == EMPTY or (ahead in DOORS and not mended):
        actions["drop"] = _STAY["drop"]
    else:
        refusals["drop"] = "You cannot drop the object, as there is already an object in front of you."
    _list_doors(things, carried, window, mended, actions, refusals)
    if mended and (ahead in BOXES or (ahead in DOORS and ahead not in OPAQUE)):
        actions["toggle"] = _STAY["toggle"]
    ids = _Ids(mended)
    for index, code, number in things:
        reached = window.can_face(index)
        label = ids.label(NAMES[code], number, reached)
        if reached:
            actions[f"go to {label}"] = Macro(index, False, ())
        else:
            refusals[f"go to {label}"] = f"You cannot go to {label}, as there is no path leading to it."
    actions[CHECK] = _STAY[CHECK]
    return Scene(_describe(view, things, barrier, mended), actions, refusals, window)


def _describe(view: list[int], things: list[tuple[int, int, int]], barrier: int | None, mended: bool) -> str:
    parts = []
    if things or (not mended and any(view[index] == WALL for index in NEAREST)):
        parts.append("In front of you in this room, you can see several objects: ")
        parts.extend([f"There is a {NAMES[code]} {number} {WHERE[index]} " for index, code, number in things])
    else:
        parts.append("You cannot see any objects within sight." + (" " if mended else ""))
    parts.append("The room has walls around you. ")
    if barrier is not None:
        kind = "wall" if view[barrier] == WALL else "box"
        parts.append(f"You are facing a {kind} {ASIDE[barrier][0]} steps away. ")
    carried = view[AGENT]
    parts.append(f"You are carrying a {NAMES[carried]}." if carried else "You are not carrying anything.")
    return "".join(parts)


def _list_pickups(
    things: list[tuple[int, int, int]],
    carried: int,
    window: Window,
    mended: bool,
    actions: dict[str, Macro],
    refusals: dict[str, str],
) -> None:
    if carried and not mended:
        return
    ids = _Ids(mended)
    for index, code, number in things:
        if code in DOORS:
            continue
        reached = window.can_face(index)
        label = ids.label(NAMES[code], number, reached)
        if carried:
            refusals[f"pickup {label}"] = f"You cannot pickup {label}, as you are already carrying a {NAMES[carried]}."
        elif reached:
            actions[f"pickup {label}"] = Macro(index, False, (PICKUP,))
        else:
            refusals[f"pickup {label}"] = f"You cannot pickup {label}, as there is no path leading to it."


def _list_doors(
    things: list[tuple[int, int, int]],
    carried: int,
    window: Window,
    mended: bool,
    actions: dict[str, Macro],
    refusals: dict[str, str],
) -> None:
    counted: dict[str, int] = {}
    for index, code, number in things:
        if code not in DOORS:
            continue
        name = NAMES[code]
        counted[name] = number
        label = f"{name} {number}"
        color, state, _ = name.split()
        if state == "open":
            if window.can_enter(index):
                actions[f"go through {label}"] = Macro(index, True, ())
            else:
                refusals[f"go through {label}"] = f"You cannot go through {label}, as there is no path leading to it."
            continue
        action = f"toggle and go through {label}"
        if state == "locked":
            if not NAMES[carried].endswith("key"):
                refusals[action] = f"You cannot {action}, as you are not carrying a key."
                continue
            if NAMES[carried] != f"{color} key":
                refusals[action] = (
                    f"You cannot {action}, as the color of the key you are carrying does not match the color of door."
                )
                continue
        else:
            refusals[f"go through {label}"] = (
                f"You cannot go through {label}, as it is closed. You should toggle it first."
            )
        if window.can_face(index):
            actions[action] = Macro(index, False, (TOGGLE, FORWARD))
        else:
            shown = label if mended else f"{name} {counted}"
            refusals[action] = f"You cannot toggle and go through {shown}, as there is no path leading to it."
        if index == FRONT:
            actions["toggle"] = _STAY["toggle"]
