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


class _Listing:
    """The actions and refusals of one moment, while they are put together in AgentGym's order."""

    def __init__(self, view: list[int], direction: int, mended: bool) -> None:
        self.carried = view[AGENT]
        self.ahead = view[FRONT]
        self.mended = mended
        self.window = Window(view, direction, mended)
        self.things: list[tuple[int, int, int]] = []
        """Window index, cell code and number of all that is described, by distance."""
        counts: dict[int, int] = {}
        for index in NEAREST:
            code = view[index]
            if code > WALL:
                counts[code] = number = counts.get(code, 0) + 1
                self.things.append((index, code, number))
        self.actions = {"turn left": _STAY["turn left"], "turn right": _STAY["turn right"]}
        self.refusals: dict[str, str] = {}

    def forward(self, barrier: int | None) -> None:
        """AgentGym offers a step into a key, a ball or a closed door too."""
        if self._enterable() if self.mended else barrier != FRONT:
            self.actions["move forward"] = _STAY["move forward"]
        else:
            self.refusals["move forward"] = "There is a barrier in front of you, you can't move forward."

    def pickups(self) -> None:
        if self.carried and not self.mended:
            return
        for index, label, reached in self._labelled([thing for thing in self.things if thing[1] not in DOORS]):
            action = f"pickup {label}"
            if self.carried:
                self.refusals[action] = f"You cannot {action}, as you are already carrying a {NAMES[self.carried]}."
            elif reached:
                self.actions[action] = Macro(index, False, (PICKUP,))
            else:
                self.refusals[action] = f"You cannot {action}, as there is no path leading to it."

    def drop(self) -> None:
        """AgentGym offers to drop onto a door too."""
        if not self.carried:
            self.refusals["drop"] = "You cannot drop the object, as you are not carrying anything."
        elif self.ahead == EMPTY or (self.ahead in DOORS and not self.mended):
            self.actions["drop"] = _STAY["drop"]
        else:
            self.refusals["drop"] = "You cannot drop the object, as there is already an object in front of you."

    def doors(self) -> None:
        counted: dict[str, int] = {}
        for index, code, number in self.things:
            if code not in DOORS:
                continue
            name = NAMES[code]
            counted[name] = number
            through, opening = f"go through {name} {number}", f"toggle and go through {name} {number}"
            color, state, _ = name.split()
            if state == "open":
                if self.window.can_enter(index):
                    self.actions[through] = Macro(index, True, ())
                else:
                    self.refusals[through] = f"You cannot {through}, as there is no path leading to it."
                continue
            if state == "closed":
                self.refusals[through] = f"You cannot {through}, as it is closed. You should toggle it first."
            elif not NAMES[self.carried].endswith("key"):
                self.refusals[opening] = f"You cannot {opening}, as you are not carrying a key."
                continue
            elif NAMES[self.carried] != f"{color} key":
                mismatch = "as the color of the key you are carrying does not match the color of door."
                self.refusals[opening] = f"You cannot {opening}, {mismatch}"
                continue
            if self.window.can_face(index):
                self.actions[opening] = Macro(index, False, (TOGGLE, FORWARD))
            else:
                # AgentGym prints its counting dictionary here.
                shown = number if self.mended else counted
                message = f"You cannot toggle and go through {name} {shown}, as there is no path leading to it."
                self.refusals[opening] = message
            if index == FRONT:
                self.actions["toggle"] = _STAY["toggle"]

    def toggle(self) -> None:
        """AgentGym offers it for closed doors only; a box may hold the key, and a door may have to be opened again."""
        if self.mended and (self.ahead in BOXES or (self.ahead in DOORS and self._enterable())):
            self.actions["toggle"] = _STAY["toggle"]

    def walks(self) -> None:
        for index, label, reached in self._labelled(self.things):
            if reached:
                self.actions[f"go to {label}"] = Macro(index, False, ())
            else:
                self.refusals[f"go to {label}"] = f"You cannot go to {label}, as there is no path leading to it."

    def _enterable(self) -> bool:
        return self.ahead == EMPTY or (self.ahead in DOORS and self.ahead not in OPAQUE)

    def _labelled(self, things: list[tuple[int, int, int]]) -> list[tuple[int, str, bool]]:
        """Return window index, name with number, and whether it can be walked to, for each of `things`.

        AgentGym counts here only what can be reached, so that its number may point at something else than the same
        number in the description. Mended, they are the same.
        """
        found: dict[int, int] = {}
        labelled = []
        for index, code, described in things:
            reached = self.window.can_face(index)
            number = described if self.mended else found.get(code, 0) + 1
            if reached:
                found[code] = number
            labelled.append((index, f"{NAMES[code]} {number}", reached))
        return labelled


def compose(view: list[int], direction: int, mended: bool) -> Scene:
    """Return the text side of `view`, as seen when facing `direction`."""
    barrier = next((index for index in AHEAD if view[index] == WALL or view[index] in BOXES), None)
    listing = _Listing(view, direction, mended)
    listing.forward(barrier)
    listing.pickups()
    listing.drop()
    listing.doors()
    listing.toggle()
    listing.walks()
    listing.actions[CHECK] = _STAY[CHECK]
    description = _describe(view, listing.things, barrier, mended)
    return Scene(description, listing.actions, listing.refusals, listing.window)


def _describe(view: list[int], things: list[tuple[int, int, int]], barrier: int | None, mended: bool) -> str:
    parts = []
    # AgentGym counts walls as objects, but does not name them.
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
