"""One row for each checkpoint: how it does, on average, where it was trained and where it was not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rftcore_generalization.evidence import Evidence, Place
from rftcore_generalization.intervals import change, success


def summary_row(
    train: str,
    cells: Mapping[Place, Evidence],
    base: Mapping[Place, Evidence],
    trained_on: frozenset[Place],
) -> dict[str, Any]:
    """Return `train`, and for `held_in` and `held_out` the mean success and mean change from base with intervals.

    Environment x difficulty cells weigh the same, however many tasks each has. The keys of one role are `ROLE`,
    `ROLE_ci_low`, `ROLE_ci_high`, `ROLE_delta`, `ROLE_delta_ci_low` and `ROLE_delta_ci_high`; None without such a cell.
    """
    trained_in = {environment for environment, _ in trained_on}
    row: dict[str, Any] = {"train": train}
    for role, inside in (("held_in", True), ("held_out", False)):
        chosen = {place: cell for place, cell in cells.items() if (place[0] in trained_in) is inside}
        level = success([cell.tallies for cell in chosen.values()])
        delta = change([cell.pairs(base[place]) for place, cell in chosen.items() if place in base])
        row |= {
            role: level.value,
            f"{role}_ci_low": level.low,
            f"{role}_ci_high": level.high,
            f"{role}_delta": delta.value,
            f"{role}_delta_ci_low": delta.low,
            f"{role}_delta_ci_high": delta.high,
        }
    return row
