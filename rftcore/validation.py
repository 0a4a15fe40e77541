"""Held-in validation: a stage measures itself on train-split tasks that it never draws. Free of torch.

A test task decides nothing about training: neither when a stage stops nor which of its checkpoints is kept. What has
been decided follows from the lines that the stage has written, so a resumed one decides the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from rftcore.errors import ConfigError
from rftcore.schemas.config import Validation
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group


def divide(pool: str, tasks: Sequence[Task], validation: Validation | None) -> tuple[list[Task], list[Task]]:
    """Return the tasks of a pool that are drawn, and those that are validated on: the last ones of its train split.

    Other tasks of their families, which are near-copies, are in neither. Raises ConfigError when none is left to draw.
    """
    if validation is None:
        return list(tasks), []
    held = list(tasks[-validation.tasks :])
    ids, families = {task.id for task in held}, {task.family for task in held} - {None}
    drawn = [task for task in tasks if task.id not in ids and task.family not in families]
    if not drawn:
        raise ConfigError(
            f"training.validation.tasks: found {validation.tasks}, expected fewer: {pool} has {len(tasks)} train "
            f"tasks, and without these and their families ({len(families)}) none is left to train on"
        )
    return drawn, held


def score(groups: Sequence[Group]) -> float:
    """Return the mean success of all samples that the machine did not spoil, in [0, 1]."""
    return fmean(trajectory.success for group in groups for trajectory in group.usable)


def due(update: int, updates: int, validation: Validation | None) -> bool:
    """Whether a measurement follows update number `update` (from 0) of a stage of `updates`."""
    return validation is not None and ((update + 1) % validation.every == 0 or update + 1 == updates)


def best(lines: Sequence[Mapping[str, Any]]) -> int | None:
    """Return how many updates the checkpoint with the highest score had behind it, the earliest of equal ones.

    `lines` are those of `updates.jsonl`. None before the first measurement.
    """
    measured = [line for line in lines if "validation" in line]
    if not measured:
        return None
    return int(max(measured, key=lambda line: float(line["validation"]))["update"]) + 1


def exhausted(lines: Sequence[Mapping[str, Any]], validation: Validation | None) -> bool:
    """Whether the last `patience` measurements brought no better score."""
    found = best(lines)
    if validation is None or validation.patience is None or found is None:
        return False
    later = [line for line in lines if "validation" in line and line["update"] >= found]
    return len(later) >= validation.patience
