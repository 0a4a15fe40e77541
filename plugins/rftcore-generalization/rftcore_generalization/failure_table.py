"""The shares of failure modes in the cells of the report, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rftcore.schemas.trajectory import Group
from rftcore_generalization.evidence import Evidence
from rftcore_generalization.failures import RULES, failure_modes
from rftcore_generalization.score import score_interval
from rftcore_generalization.tally import Tally, avg_at_k


def failure_row(train: str, evidence: Evidence) -> dict[str, Any] | None:
    """Return how often each mode holds in one cell; None when the machine spoiled all of it.

    A share is of all episodes, the successes included: the mean over tasks of the share of their samples, in [0, 1],
    with Wilson's 95 % interval over families of tasks (`score_interval`). The keys are `train`, `environment`,
    `difficulty`, `episodes`, and for each mode `MODE`, `MODE_ci_low` and `MODE_ci_high`.
    """
    groups = [group for group in evidence.groups.values() if group.usable]
    if not groups:
        return None
    environment, difficulty = evidence.place
    row: dict[str, Any] = {
        "train": train,
        "environment": environment,
        "difficulty": difficulty,
        "episodes": sum(len(group.usable) for group in groups),
    }
    for mode, tallies in _tallies(groups).items():
        low, high = score_interval(tallies)
        row |= {mode: avg_at_k(tallies), f"{mode}_ci_low": low, f"{mode}_ci_high": high}
    return row


def _tallies(groups: Sequence[Group]) -> dict[str, list[Tally]]:
    """Return, for each mode, in how many samples of each task it holds."""
    counted: dict[str, list[Tally]] = {mode: [] for mode in RULES}
    for group in groups:
        found = [failure_modes(trajectory) for trajectory in group.usable]
        for mode, tallies in counted.items():
            tallies.append(Tally(sum(mode in modes for modes in found), len(found), group.task.family or ""))
    return counted
