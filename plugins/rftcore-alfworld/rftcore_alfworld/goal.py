"""Goals: what has to hold for the task to be done.

The six task types have two shapes: so many objects of a kind, in a state, in one receptacle of a kind; or an object of
a kind in the hand beside a lamp that has been switched on. A goal of another shape is refused, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from rftcore.errors import ConfigError
from rftcore_alfworld.pddl import Expression, Fact

Atom: TypeAlias = tuple[str, ...]

_STATES = {"isclean": "clean", "ishot": "hot", "iscool": "cool"}
_ABILITIES = ("cleanable", "heatable", "coolable")
_SHAPE = "one of the six task types without slicing or movable receptacles"


@dataclass(frozen=True, slots=True)
class Goal:
    """`count` objects of the kind `target` in one receptacle of the kind `destination`, or `target` held at a `lamp`.

    Exactly one of `destination` and `lamp` is not empty.
    """

    target: str
    destination: str = ""
    lamp: str = ""
    count: int = 1
    states: frozenset[str] = field(default_factory=frozenset)
    """Of clean, hot, cool: what the objects have to be."""
    abilities: frozenset[str] = field(default_factory=frozenset)
    """Of cleanable, heatable, coolable: what the objects have to be made for."""


def understand(expression: Expression) -> Goal:
    """Return the goal that a PDDL expression states. Raises ConfigError when it is none of the six task types."""
    atoms = list(_atoms(expression))
    kinds = {atom[1]: kind(atom[2]) for atom in atoms if atom[0] == "objecttype" and len(atom) == 3}
    receptacles = {kind(atom[2]) for atom in atoms if atom[0] == "receptacletype" and len(atom) == 3}
    predicates = {atom[0] for atom in atoms}
    if "istoggled" in predicates:
        return _examination(atoms, kinds)
    targets = [variable for variable in kinds if ("inreceptacle", variable) in {atom[:2] for atom in atoms}]
    known = {"objecttype", "receptacletype", "inreceptacle", "not =", *_STATES, *_ABILITIES}
    if len(receptacles) != 1 or len({*kinds.values()}) != 1 or predicates - known or len(targets) not in (1, 2):
        raise ConfigError(f"found a goal with {_described(atoms)}, expected {_SHAPE}")
    if len(targets) != len(kinds) or (len(targets) == 2) != ("not =" in predicates):
        raise ConfigError(f"found a goal with {_described(atoms)}, expected {_SHAPE}")
    return Goal(
        target=kinds[targets[0]],
        destination=receptacles.pop(),
        count=len(targets),
        states=frozenset(state for name, state in _STATES.items() if name in predicates),
        abilities=frozenset(name for name in _ABILITIES if name in predicates),
    )


def _examination(atoms: list[Atom], kinds: dict[str, str]) -> Goal:
    predicates = {atom[0] for atom in atoms}
    toggled = [atom[1] for atom in atoms if atom[0] == "istoggled"]
    held = [atom[2] for atom in atoms if atom[0] == "holds" and len(atom) == 3]
    known = {"objecttype", "toggleable", "istoggled", "receptacleatlocation", "atlocation", "inreceptacle", "holds"}
    complete = len(toggled) == len(held) == 1 and len(kinds) == 2 and {toggled[0], held[0]} == set(kinds)
    if not complete or predicates != known:
        raise ConfigError(f"found a goal with {_described(atoms)}, expected {_SHAPE}")
    return Goal(target=kinds[held[0]], lamp=kinds[toggled[0]])


def express(goal: Goal) -> Expression:
    """Return a goal as a PDDL expression; `understand` inverts it."""
    if goal.lamp:
        lit: Expression = [
            "and",
            ["objecttype", "?ot", f"{goal.lamp}type"],
            ["toggleable", "?ot"],
            ["istoggled", "?ot"],
            ["receptacleatlocation", "?r", "?l"],
            ["atlocation", "?a", "?l"],
            ["inreceptacle", "?ot", "?r"],
        ]
        held: Expression = ["and", ["objecttype", "?o", f"{goal.target}type"], ["holds", "?a", "?o"]]
        variables = _variables(ot="object", r="receptacle", a="agent", l="location")
        return ["and", ["exists", variables, lit], ["exists", _variables(o="object", a="agent"), held]]
    found: list[Expression] = ["and", ["receptacletype", "?r", f"{goal.destination}type"]]
    things = [f"o{number}" for number in range(goal.count)]
    for thing in things:
        found += [["objecttype", f"?{thing}", f"{goal.target}type"], ["inreceptacle", f"?{thing}", "?r"]]
        found += [[ability, f"?{thing}"] for ability in sorted(goal.abilities)]
        found += [[predicate, f"?{thing}"] for predicate, state in _STATES.items() if state in goal.states]
    if goal.count == 2:
        found.append(["not", ["=", "?o0", "?o1"]])
    return ["exists", _variables(r="receptacle", **dict.fromkeys(things, "object")), found]


def _variables(**types: str) -> Expression:
    return [word for name, kind in types.items() for word in (f"?{name}", "-", kind)]


def kind(name: str) -> str:
    """Return `apple` for the PDDL type `appletype`."""
    return name.removesuffix("type")


def _atoms(expression: Expression) -> Iterator[Atom]:
    """Yield the atoms of a conjunction, looking through `and` and `exists`; a negated atom begins with `not `."""
    if isinstance(expression, str) or not expression:
        raise ConfigError(f"found {str(expression)[:80]!r} in the goal, expected an expression in parentheses")
    head, rest = expression[0], expression[1:]
    if head == "and":
        for part in rest:
            yield from _atoms(part)
    elif head == "exists" and len(rest) == 2:
        yield from _atoms(rest[1])
    elif head == "not" and len(rest) == 1:
        for atom in _atoms(rest[0]):
            yield (f"not {atom[0]}", *atom[1:])
    elif all(isinstance(word, str) for word in expression):
        yield tuple(str(word) for word in expression)
    else:
        raise ConfigError(f"found {str(expression)[:80]!r} in the goal, expected {_SHAPE}")


def _described(atoms: Iterable[Fact]) -> str:
    return ", ".join(sorted({atom[0] for atom in atoms})) or "nothing"
