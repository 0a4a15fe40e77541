"""Reads and writes PDDL problems: names, facts and the goal, and nothing that could be executed.

A problem comes from a file that a stranger may have written, so the reader is iterative and bounded in depth, and knows
no other syntax than nested lists of words. It does not know what the facts mean; `game.py` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from rftcore.errors import ConfigError

Expression: TypeAlias = "str | list[Expression]"
Fact: TypeAlias = tuple[str, ...]
"""A predicate and its arguments, in lower case."""

DEEPEST = 64
"""Nested parentheses that a problem may have; the published ones have 8."""

LONGEST = 2 * 2**20
"""Characters that a problem may have; the published ones have about 0.1 million."""

_STRANGE = re.compile(r"[^\x20-\x7e\t\r\n]")
_TOKEN = re.compile(r"[()]|[^\s()]+")
_COMMENT = re.compile(r";[^\n]*")


@dataclass(frozen=True, slots=True)
class Problem:
    """What a PDDL problem says, in lower case, as PDDL does not tell cases apart."""

    facts: tuple[Fact, ...]
    """The initial facts, in the order of the text; numeric assignments such as distances are left out."""
    goal: Expression


def read(text: str) -> Problem:
    """Read a problem.

    Raises ConfigError when it is none: too long, unbalanced, too deep, without `:init` or `:goal`, or with characters
    in it that no name has.
    """
    if len(text) > LONGEST:
        raise ConfigError(f"found a PDDL problem of {len(text)} characters, expected at most {LONGEST}")
    strange = _STRANGE.search(text)
    if strange is not None:
        raise ConfigError(f"found the character {strange[0]!r} in a PDDL problem, expected printable ASCII")
    sections: dict[str, list[Expression]] = {}
    for part in _tree(text):
        if isinstance(part, list) and part and isinstance(part[0], str):
            sections[part[0]] = part[1:]
    missing = [name for name in (":init", ":goal") if name not in sections]
    if missing:
        raise ConfigError(f"found a PDDL problem without {' and '.join(missing)}, expected one of ALFWorld's")
    goal = sections[":goal"]
    if len(goal) != 1:
        raise ConfigError(f"found a PDDL goal of {len(goal)} expressions, expected one")
    return Problem(tuple(_facts(sections[":init"])), goal[0])


def _tree(text: str) -> list[Expression]:
    """Return what the outermost parentheses hold."""
    outermost: list[Expression] = []
    stack = [outermost]
    for found in _TOKEN.finditer(_COMMENT.sub("", text.lower())):
        token = found[0]
        if token == "(":
            if len(stack) > DEEPEST:
                raise ConfigError(f"found a PDDL problem nested deeper than {DEEPEST}, expected one of ALFWorld's")
            inner: list[Expression] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif token == ")":
            stack.pop()
            if not stack:
                raise ConfigError("found a PDDL problem with a ')' too many: the file is damaged")
        else:
            stack[-1].append(token)
    if len(stack) != 1:
        raise ConfigError(f"found a PDDL problem that ends inside {len(stack) - 1} open '(': the file is truncated")
    if len(outermost) != 1 or not isinstance(outermost[0], list):
        raise ConfigError("found text that is not a PDDL problem, expected '(define (problem ...) ...)'")
    return outermost[0]


def _facts(expressions: Iterable[Expression]) -> Iterable[Fact]:
    for expression in expressions:
        if isinstance(expression, list) and expression and expression[0] == "=":
            continue
        words = expression if isinstance(expression, list) else []
        if not words or not all(isinstance(word, str) for word in words):
            raise ConfigError(f"found {str(expression)[:80]!r} in :init, expected facts such as (opened X)")
        yield tuple(str(word) for word in words)


def write(problem: Problem, types: Iterable[tuple[str, str]]) -> str:
    """Return a problem of the ALFRED domain as text, with the names and their types that it declares."""
    declared = "\n".join(f"{name} - {kind}" for name, kind in types)
    facts = "\n".join(f"({' '.join(fact)})" for fact in problem.facts)
    return (
        f"(define (problem generated)\n(:domain alfred)\n(:objects\n{declared}\n)\n"
        f"(:init\n(= (total-cost) 0)\n{facts}\n)\n(:goal {_text(problem.goal)}))\n"
    )


def _text(expression: Expression) -> str:
    return expression if isinstance(expression, str) else f"({' '.join(_text(part) for part in expression)})"
