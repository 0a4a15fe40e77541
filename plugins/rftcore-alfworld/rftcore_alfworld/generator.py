"""Invents games: a layout, a task type and a seed become facts, and those a game.

Everything random comes from the task's seed. The facts are those of an official problem (types, locations, traits,
what may hold what), so the same engine plays both, and `problem` writes them down for other engines.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from rftcore_alfworld.goal import Goal
from rftcore_alfworld.layouts import Layout, layouts
from rftcore_alfworld.pddl import Fact
from rftcore_alfworld.things import FOUND, HOLDS, OPENABLE, THINGS, TRAITS

STATES = {"pick_clean_then_place_in_recep": "clean", "pick_heat_then_place_in_recep": "hot",
          "pick_cool_then_place_in_recep": "cool"}  # fmt: skip
_ABILITIES = {"clean": "cleanable", "hot": "heatable", "cool": "coolable"}
TYPES = ("pick_and_place_simple", "look_at_obj_in_light", *STATES, "pick_two_obj_and_place")
"""The six task types, in the order of their official numbers 1 to 6."""
_SENTENCES = {
    "pick_and_place_simple": ("put a {target} in {to}", "put some {target} on {to}"),
    "look_at_obj_in_light": ("look at {target} under the {to}", "examine the {target} with the {to}"),
    "pick_clean_then_place_in_recep": ("put a clean {target} in {to}", "clean some {target} and put it in {to}"),
    "pick_heat_then_place_in_recep": ("put a hot {target} in {to}", "heat some {target} and put it in {to}"),
    "pick_cool_then_place_in_recep": ("put a cool {target} in {to}", "cool some {target} and put it in {to}"),
    "pick_two_obj_and_place": ("put two {target} in {to}", "find two {target} and put them in {to}"),
}
"""How the domain words its tasks."""
_ROOMS = {
    "pick_and_place_simple": ("kitchen", "bedroom", "livingroom", "bathroom"),
    "look_at_obj_in_light": ("bedroom", "livingroom"),
    "pick_clean_then_place_in_recep": ("kitchen", "bathroom"),
    "pick_heat_then_place_in_recep": ("kitchen",),
    "pick_cool_then_place_in_recep": ("kitchen",),
    "pick_two_obj_and_place": ("kitchen", "bedroom", "livingroom", "bathroom"),
}
_CROWDED, _SPARSE = 4, 2
"""Most objects, beside what the task is about, in a receptacle that begins open, and in one that begins closed."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An invented game: its initial facts, its goal and the goal in words."""

    facts: tuple[Fact, ...]
    goal: Goal
    sentence: str


def rooms(task_type: str) -> tuple[str, ...]:
    """Return the rooms in which a task type makes sense."""
    return _ROOMS[task_type]


def draft(task_type: str, layout: int, seed: int) -> Draft:
    """Invent the game of a task type in the layout of that number."""
    room = layouts()[layout]
    rng = random.Random(f"alfworld/game/{task_type}/{layout}/{seed}")
    goal = _goal(task_type, room, rng)
    boxes: list[list[str]] = [[] for _ in room.receptacles]
    wanted = goal.count + rng.randrange(2)
    kinds = [kind for kind, _ in room.receptacles]
    sources = [n for n, kind in enumerate(kinds) if kind != goal.destination and _may(kind, goal.target)]
    for _ in range(wanted):
        boxes[rng.choice(sources)].append(goal.target)
    if goal.lamp:
        stands = [n for n, kind in enumerate(kinds) if _may(kind, goal.lamp)]
        boxes[rng.choice(stands)].append(goal.lamp)
    avoided = {goal.target, goal.lamp}
    for number, kind in enumerate(kinds):
        others = sorted(FOUND[room.room].intersection(HOLDS[kind].split()) - avoided - {"desklamp", "floorlamp"})
        most = min(len(others), _SPARSE if kind in OPENABLE else _CROWDED)
        boxes[number] += rng.choices(others, k=rng.randint(0, most)) if others else []
    sentence = rng.choice(_SENTENCES[task_type]).format(target=goal.target, to=goal.destination or goal.lamp)
    return Draft(_facts(room, boxes, rng), goal, sentence)


def _may(receptacle: str, thing: str) -> bool:
    return thing in HOLDS[receptacle].split()


def _goal(task_type: str, layout: Layout, rng: random.Random) -> Goal:
    kinds = sorted({kind for kind, _ in layout.receptacles})
    things = sorted(FOUND[layout.room])
    if task_type == "look_at_obj_in_light":
        lamp = next(thing for thing in things if thing in ("desklamp", "floorlamp"))
        portable = [thing for thing in things if thing != lamp and any(_may(kind, thing) for kind in kinds)]
        return Goal(target=rng.choice(portable), lamp=lamp)
    state = STATES.get(task_type, "")
    able = [t for t in things if "t" not in THINGS[t] and (not state or _ABILITIES[state] in _traits(t))]
    pairs = [
        (thing, kind)
        for thing in able
        for kind in kinds
        if _may(kind, thing) and any(_may(other, thing) for other in kinds if other != kind)
    ]
    # First the object, then where to: else what fits everywhere would be asked for most.
    target = rng.choice(sorted({thing for thing, _ in pairs}))
    return Goal(
        target=target,
        destination=rng.choice([kind for thing, kind in pairs if thing == target]),
        count=2 if task_type == "pick_two_obj_and_place" else 1,
        states=frozenset({state} - {""}),
        abilities=frozenset({_ABILITIES[state]} if state else ()),
    )


def _traits(thing: str) -> set[str]:
    return {TRAITS[letter] for letter in THINGS[thing]}


def _facts(layout: Layout, boxes: Sequence[Sequence[str]], rng: random.Random) -> tuple[Fact, ...]:
    kinds = sorted({kind for kind, _ in layout.receptacles})
    present = sorted({thing for box in boxes for thing in box})
    facts: list[Fact] = [("atlocation", "agent1", "loc_bar_00")]
    facts += [("cancontain", f"{kind}type", f"{thing}type") for kind in kinds for thing in present if _may(kind, thing)]
    slots = [(number, thing) for number, box in enumerate(boxes) for thing in box]
    # Numbers of names follow from identifiers, so without a shuffle `apple 1` would always come first in the room.
    rng.shuffle(slots)
    receptacles = []
    for number, (kind, place) in enumerate(layout.receptacles):
        identifier = _identifier(kind, number)
        receptacles.append(identifier)
        facts += [
            ("receptacletype", identifier, f"{kind}type"),
            ("receptacleatlocation", identifier, f"loc_bar_{place + 1:02}"),
        ]
        if kind in OPENABLE:
            facts.append(("openable", identifier))
    for number, (box, thing) in enumerate(slots):
        identifier = f"{thing}_bar_{number:02}"
        facts += [
            ("objecttype", identifier, f"{thing}type"),
            ("inreceptacle", identifier, receptacles[box]),
            ("objectatlocation", identifier, f"loc_bar_{layout.receptacles[box][1] + 1:02}"),
        ]
        facts += [(trait, identifier) for trait in sorted(_traits(thing))]
        if "t" not in THINGS[thing]:
            facts.append(("pickupable", identifier))
    return tuple(facts)


def _identifier(kind: str, number: int) -> str:
    # As in official games, where a basin is named after the sink or the bathtub that it is in.
    if kind.endswith("basin"):
        return f"{kind.removesuffix('basin')}_bar_{number:02}_bar_{kind}"
    return f"{kind}_bar_{number:02}"
