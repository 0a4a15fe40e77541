"""Texts that cover the words of observations and actions."""

from __future__ import annotations

from rftcore.environment import with_actions
from rftcore_alfworld.things import HOLDS, THINGS
from rftcore_alfworld.wording import HELP, NOTHING, WELCOME

SENTENCES = (
    f"{WELCOME}\n\nYou are in the middle of a room. Looking quickly around you, you see a desk 2, and a desk 1.",
    "Your task is to: put a clean apple in desk. put some hot apple on desk. find two apple and put them in desk.",
    "cool some apple and put it in desk. heat some. clean some.",
    "look at apple under the desklamp. examine the apple with the desklamp.",
    "You arrive at loc 1. On the desk 1, you see nothing.",
    "You open the safe 1. The safe 1 is open. In it, you see a cd 1. The safe 1 is closed. You close the safe 1.",
    "You pick up the cd 1 from the desk 1. You move the cd 1 to the desk 1. You put the cd 1 in/on the desk 1.",
    "You heat the egg 1 using the microwave 1. You clean the egg 1. You cool the egg 1.",
    "You turn on the desklamp 1. You sliced the apple 1 with the knife 1.",
    "You are carrying: a cd 1. You are not carrying anything.",
    "You are facing the desk 1, and shelf 1. Next to it, you see nothing.",
    "This is a normal box 1. In it, you see a cd 1. This desklamp 1 is on. This desklamp 1 is off.",
    "This is a hot and clean sliced apple 1. cool. cold. There's nothing special about apple 1.",
    "go to desk 1. open safe 1. close safe 1. take cd 1 from desk 1. move cd 1 to desk 1. put cd 1 in/on desk 1.",
    "heat egg 1 with microwave 1. clean. cool. use desklamp 1. slice apple 1 with knife 1. examine desk 1.",
    "inventory. look. help.",
    NOTHING,
    HELP,
)
"""Every sentence that is said and every command, with some names."""

LISTS = (with_actions("", ("look", "look")), "AVAILABLE ACTIONS: look,look")

NUMBERS = 20
"""Numbers in names of our own games go up to this at most."""

NAMES = (*sorted({*THINGS, *HOLDS}), *(str(number) for number in range(1, NUMBERS + 1)))

OFFICIAL = (
    "bathtub blinds boots chair curtains footstool houseplant laundryhamperlid lightswitch mirror painting",
    "paintinghanger papertowel papertowelroll plunger poster scrubbrush showerdoor showerglass sink sinkbasinbasin",
    "stoveknob television toiletpaperroll window",
    *(str(number) for number in range(NUMBERS + 1, 61)),
)
"""What official games name beyond our own: the other classes of ALFRED, and higher numbers."""
