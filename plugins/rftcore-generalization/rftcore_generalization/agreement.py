"""How far the rules of `failures` agree with labels by hand.

    python -m rftcore_generalization.agreement

The labelled trajectories lie beside this file, in two parts: to the first the rules were adjusted, the second they have
never seen. `docs/failures.md` says where they come from and how they were labelled.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from importlib.resources import files
from typing import Literal, NamedTuple

from rftcore.rubric import Agreement
from rftcore.rubric import agreement as counted
from rftcore.schemas.trajectory import Trajectory
from rftcore_generalization.failures import RULES, failure_modes

Part = Literal["adjusted", "held_out"]
PARTS: dict[Part, str] = {"adjusted": "labelled.jsonl", "held_out": "held_out.jsonl"}
"""The files."""


class Labelled(NamedTuple):
    """A recorded failure, who played it, and the modes that a reader found."""

    player: str
    trajectory: Trajectory
    labels: frozenset[str]


def labelled(part: Part) -> list[Labelled]:
    """Return the labelled trajectories of this distribution: those that the rules were adjusted to, or the others."""
    text = files("rftcore_generalization").joinpath(PARTS[part]).read_text(encoding="utf-8")
    lines = (json.loads(line) for line in text.splitlines())
    return [
        Labelled(line["player"], Trajectory.model_validate(line["trajectory"]), frozenset(line["labels"]))
        for line in lines
    ]


def agreement(examples: Iterable[Labelled]) -> list[Agreement]:
    """Return how far the rules agree with the labels on each mode, in the order of `RULES`."""
    pairs = [(example.labels, frozenset(failure_modes(example.trajectory))) for example in examples]
    return counted(RULES, pairs)


def table(rows: Iterable[Agreement]) -> str:
    """Return the agreement as a table in plain text."""
    lines = [f"{'mode':<20}{'labelled':>10}{'found':>8}{'both':>7}{'precision':>11}{'recall':>8}"]
    for row in rows:
        shares = ("-" if share is None else f"{share:.2f}" for share in (row.precision, row.recall))
        lines.append("{:<20}{:>10}{:>8}{:>7}{:>11}{:>8}".format(row.label, row.held, row.found, row.both, *shares))
    return "\n".join(lines)


def tables() -> str:
    """Return the agreement of the rules on both parts."""
    parts = ((part, labelled(part)) for part in PARTS)
    return "\n\n".join(f"{part}: {len(found)} episodes\n{table(agreement(found))}" for part, found in parts)


if __name__ == "__main__":
    sys.stdout.write(f"{tables()}\n")
