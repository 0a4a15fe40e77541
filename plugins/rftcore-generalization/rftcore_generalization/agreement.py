"""How far the rules of `failures` agree with labels by hand, and how far two readers agree with each other.

    python -m rftcore_generalization.agreement

The labelled trajectories lie beside this file, in two parts: to the first the rules were adjusted, the second they have
never seen. A second reader labelled the modes that take reading again. `docs/failures.md` says where the episodes come
from, who read them, and how.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Literal, NamedTuple

from rftcore.rubric import Agreement
from rftcore.rubric import agreement as counted
from rftcore.schemas.trajectory import Trajectory
from rftcore_generalization.definitions import DEFINITIONS
from rftcore_generalization.failures import RULES, failure_modes
from rftcore_generalization.intervals import Estimate
from rftcore_generalization.kappa import Reading, cohen_kappa

Part = Literal["adjusted", "held_out"]
PARTS: dict[Part, str] = {"adjusted": "labelled.jsonl", "held_out": "held_out.jsonl"}
"""The files."""


class Labelled(NamedTuple):
    """A recorded failure, who played it, and the modes that two readers found."""

    player: str
    trajectory: Trajectory
    labels: frozenset[str]
    """The first reader's, of all modes."""
    second: frozenset[str]
    """The second reader's, of those in `DEFINITIONS`."""


class Crossing(NamedTuple):
    """One mode: in how many episodes both readers found it, only the first, only the second, neither; Cohen's kappa."""

    mode: str
    both: int
    first: int
    second: int
    neither: int
    kappa: Estimate


def labelled(part: Part) -> list[Labelled]:
    """Return the labelled trajectories of this distribution: those that the rules were adjusted to, or the others."""
    text = files("rftcore_generalization").joinpath(PARTS[part]).read_text(encoding="utf-8")
    lines = (json.loads(line) for line in text.splitlines())
    return [
        Labelled(
            line["player"],
            Trajectory.model_validate(line["trajectory"]),
            frozenset(line["labels"]),
            frozenset(line["second"]),
        )
        for line in lines
    ]


def agreement(examples: Iterable[Labelled]) -> list[Agreement]:
    """Return how far the rules agree with the first reader on each mode, in the order of `RULES`."""
    pairs = [(example.labels, frozenset(failure_modes(example.trajectory))) for example in examples]
    return counted(RULES, pairs)


def agreement_with_second(examples: Iterable[Labelled]) -> list[Agreement]:
    """Return how far the rules agree with the second reader on each mode of `DEFINITIONS`."""
    pairs = [(example.second, frozenset(failure_modes(example.trajectory))) for example in examples]
    return counted(DEFINITIONS, pairs)


def crossings(examples: Sequence[Labelled]) -> list[Crossing]:
    """Return how far the readers agree with each other on each mode of `DEFINITIONS`.

    Episodes of one family of tasks, or of one task, count as one observation for the interval.
    """
    found = []
    for mode in DEFINITIONS:
        readings = [
            Reading(mode in each.labels, mode in each.second, each.trajectory.task.family or each.trajectory.task.id)
            for each in examples
        ]
        said = Counter((reading.first, reading.second) for reading in readings)
        both, first, second = said[True, True], said[True, False], said[False, True]
        found.append(Crossing(mode, both, first, second, said[False, False], cohen_kappa(readings)))
    return found


def table(rows: Iterable[Agreement]) -> str:
    """Return the agreement of the rules with a reader as a table in plain text."""
    lines = [f"{'mode':<20}{'labelled':>10}{'found':>8}{'both':>7}{'precision':>11}{'recall':>8}"]
    for row in rows:
        shares = ("-" if share is None else f"{share:.2f}" for share in (row.precision, row.recall))
        lines.append("{:<20}{:>10}{:>8}{:>7}{:>11}{:>8}".format(row.label, row.held, row.found, row.both, *shares))
    return "\n".join(lines)


def crossed_table(rows: Iterable[Crossing]) -> str:
    """Return the agreement of the readers with each other as a table in plain text, kappa with its 95 % interval."""
    shape = "{:<20}{:>6}{:>7}{:>8}{:>9}{:>8}{:>7}{:>6}"
    lines = [shape.format("mode", "both", "first", "second", "neither", "kappa", "low", "high")]
    for *counted_row, kappa in rows:
        lines.append(shape.format(*counted_row, *("-" if figure is None else f"{figure:.2f}" for figure in kappa)))
    return "\n".join(lines)


def tables() -> str:
    """Return the agreement of rules and readers on both parts."""
    return "\n\n".join(_part(part, labelled(part)) for part in PARTS)


def _part(part: Part, examples: Sequence[Labelled]) -> str:
    return "\n\n".join(
        (
            f"{part}: {len(examples)} episodes\n{table(agreement(examples))}",
            f"{part}: the rules against the second reader\n{table(agreement_with_second(examples))}",
            f"{part}: the first reader against the second\n{crossed_table(crossings(examples))}",
        )
    )


if __name__ == "__main__":
    sys.stdout.write(f"{tables()}\n")
