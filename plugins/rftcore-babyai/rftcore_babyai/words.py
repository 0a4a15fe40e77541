"""The words of BabyAI's texts, for those who build a vocabulary. Nothing here decides what an observation says."""

from __future__ import annotations

from rftcore_babyai.levels import COLORS

_SEEN = (
    "Your goal: ",
    "In front of you in this room, you can see several objects: ",
    "You cannot see any objects within sight. ",
    "There is a ",
    " right in front of you ",
    " steps away. ",
    " steps in front of you and ",
    " steps to your right. ",
    " steps to your left. ",
    "The room has walls around you. ",
    "You are facing a wall ",
    "You are facing a box ",
    "You are carrying a ",
    "You are not carrying anything.",
    "\n The task is completed.",
    "\n The task has failed.",
    "\n The time is up.",
)
_REFUSED = (
    "The action is not recognized. Please check valid actions.",
    "No change in state.",
    "There is a barrier in front of you, you can't move forward.",
    "You cannot go to , as there is no path leading to it.",
    "You cannot pickup , as you are already carrying a ",
    "You cannot drop the object, as there is already an object in front of you.",
    "You cannot drop the object, as you are not carrying anything.",
    "You cannot go through , as it is closed. You should toggle it first.",
    "You cannot toggle and go through , as you are not carrying a key.",
    ", as the color of the key you are carrying does not match the color of door.",
    "You can take the following actions: ",
)
_LISTED = (
    "\nAvailable actions: [",
    '"turn left", "turn right", "move forward", "drop", "toggle", "check available actions"]',
    '"go to ',
    '"pickup ',
    '"go through ',
    '"toggle and go through ',
)
_GOALS = (
    "go to the ",
    "go to a ",
    "pick up the ",
    "pick up a ",
    "put the  next to the ",
    "open the ",
    "open a ",
    ", then ",
    " after you ",
    " and ",
    " object",
    " in front of you",
    " behind you",
    " on your left",
    " on your right",
)
_THINGS = tuple(
    f"{color} {thing}"
    for color in COLORS
    for thing in ("door", "open door", "closed door", "locked door", "key", "ball", "box")
)
WORDS: tuple[str, ...] = (
    *_SEEN,
    *_REFUSED,
    *_LISTED,
    *_GOALS,
    *_THINGS,
    *(str(number) for number in range(21)),
)
