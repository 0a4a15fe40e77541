"""The trajectories behind each cell: read, checked, and a few of them chosen for a person to read.

The choice is a pure function of the file: successes, failures and samples lost to the machine take turns, and a task
is shown twice only when there are no others. Everything that is not shown is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from rftcore.errors import RunError
from rftcore.records import read_groups
from rftcore.schemas.report import Report
from rftcore.schemas.trajectory import Trajectory

SHOWN = 6
"""Trajectories of a cell that the page shows."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one file of trajectories holds."""

    file: str
    """Relative to the run folder."""
    chosen: tuple[Trajectory, ...]
    total: int
    successes: int
    masked: int
    found: bool = True
    """False when the run folder has no such file: a report without its trajectories can still be read."""


def choose(trajectories: Sequence[Trajectory], limit: int = SHOWN) -> list[Trajectory]:
    """Return at most `limit` trajectories, kinds of outcome taking turns, in the order they are worth reading."""
    kinds = (
        [one for one in trajectories if one.success and not one.masked],
        [one for one in trajectories if not one.success and not one.masked],
        [one for one in trajectories if one.masked],
    )
    taking_turns = chain.from_iterable(zip_longest(*(_tasks_first(kind) for kind in kinds)))
    return [trajectory for trajectory in taking_turns if trajectory is not None][:limit]


def collect(folder: Path, report: Report) -> dict[str, Evidence]:
    """Return the evidence of every file that a cell of the report names, each file read once.

    Raises RunError when a named file is damaged, or lies outside the run folder.
    """
    cells = [*report.references]
    for axis in (report.axes.difficulty, report.axes.transfer, report.axes.sequence):
        cells.extend(axis)
    return {name: _evidence(folder, name) for name in dict.fromkeys(cell.trajectories for cell in cells) if name}


def _evidence(folder: Path, name: str) -> Evidence:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise RunError(
            f"the report names the trajectories {name!r}, which is outside its run folder {folder}; expected a path "
            "relative to the folder. Do not trust this report.json; compute it again from the trajectories"
        )
    if not path.exists():
        return Evidence(name, (), 0, 0, 0, found=False)
    trajectories = [trajectory for group in read_groups(path) for trajectory in group.trajectories]
    counted = [trajectory for trajectory in trajectories if not trajectory.masked]
    successes = sum(trajectory.success for trajectory in counted)
    return Evidence(name, tuple(choose(trajectories)), len(trajectories), successes, len(trajectories) - len(counted))


def _tasks_first(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    """Order so that every task comes once before any comes twice; otherwise as in the file."""
    seen: dict[str, int] = {}
    rounds = []
    for trajectory in trajectories:
        seen[trajectory.task.id] = seen.get(trajectory.task.id, -1) + 1
        rounds.append(seen[trajectory.task.id])
    return [trajectory for _, trajectory in sorted(zip(rounds, trajectories, strict=True), key=lambda pair: pair[0])]
