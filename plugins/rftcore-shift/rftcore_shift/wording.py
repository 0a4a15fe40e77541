"""Paraphrases of observations: phrases that say the same in other words.

Only what an environment says around names and numbers is touched: no rule has the name of a thing, of an action or of a
page in it, and what stands in quotes or brackets stays as it is. One task keeps its wording throughout.
"""

from __future__ import annotations

import random
import re

RULES: dict[str, tuple[str, ...]] = {
    r"In front of you in this room, you can see several objects:": (
        "Several objects are in view in this room:",
        "Looking ahead in this room, you make out several objects:",
    ),
    r"Looking quickly around you, you see": ("A quick look around shows you", "At a glance you make out"),
    r"You are in the middle of a room": ("You stand in the centre of a room", "A room surrounds you"),
    r"You are not carrying anything": ("Your hands are empty", "You hold nothing"),
    r"You are carrying": ("You hold", "In your hands is"),
    r"You are facing": ("Ahead of you is", "You look at"),
    r"You arrive at": ("You are now at", "You have come to"),
    r"You pick up": ("You take up", "You lift"),
    r"You also see": ("You also notice", "You can see too"),
    r"\byou see\b": ("you find", "you can make out"),
    r"There is (?=an? )": ("You notice ", "In view is "),
    r"The room has walls around you": ("Walls enclose the room", "You are walled in"),
    r"right in front of you": ("straight ahead", "directly before you"),
    r"steps? in front of you": ("paces ahead", "paces before you"),
    r"steps? to your (left|right)": (r"paces to the \1", r"paces on your \1 side"),
    r"steps? away": ("paces off", "paces from you"),
    r"Your task is to:": ("You have been asked to:", "This is to be done:"),
    r"Your goal:": ("What you are after:", "You have to:"),
    r"Goal:": ("Aim:", "Wanted:"),
    r"Nothing happens\.": ("That has no effect.", "All stays as it was."),
    r"Could not find enough": ("There is not enough", "You lack enough"),
    r"Could not find": ("There was no finding", "Nowhere was"),
    r"Could not execute": ("It was not possible to do this:", "This does not work:"),
    r"(?m)^Got (?=\d)": ("You now have ", "Received: "),
    r"(?m)^Crafted (?=\d)": ("You have made ", "The result: "),
    r"The action is not recognized\.": ("That is no known action.", "What you said means nothing here."),
    r"No change in state\.": ("All is as before.", "That changed nothing."),
    r"The task is completed": ("The task is done", "You have done the task"),
    r"That is not possible here\.": ("This cannot be done here.", "Here that does not work."),
    r"price lower than": ("costing less than", "for less than"),
    r"i am looking for|i'm looking for": ("i would like to find", "i want"),
    r"This room is called": ("The name of this room is", "You are in what is called"),
    r"The answer is right\.": ("That is correct.", "Yes, that is it."),
    r"The answer is wrong\.": ("That is incorrect.", "No, that is not it."),
    r"No action found\.": ("There was no action in this.", "This holds no action."),
}
"""Pattern -> what may stand in its place. Earlier ones go first."""

_KEPT = re.compile(r'("[^"\n]*"|\[[^\]\n]*\])')
_COMPILED = [(re.compile(pattern), choices) for pattern, choices in RULES.items()]


class Wording:
    """The phrases of one task: each rule has drawn one of its alternatives."""

    def __init__(self, rng: random.Random) -> None:
        self._rules = [(pattern, rng.choice(choices)) for pattern, choices in _COMPILED]

    def apply(self, text: str) -> str:
        """Return `text` in this wording."""
        return "".join(part if number % 2 else self._reworded(part) for number, part in enumerate(_KEPT.split(text)))

    def _reworded(self, text: str) -> str:
        for pattern, phrase in self._rules:
            text = pattern.sub(phrase, text)
        return text


def phrases() -> tuple[str, ...]:
    """Return every alternative, for a vocabulary."""
    return tuple(re.sub(r"\\1", "left right", choice) for choices in RULES.values() for choice in choices)
