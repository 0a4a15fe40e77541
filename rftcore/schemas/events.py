"""Frozen events for observers; they fire in the driver process only and change nothing."""

from __future__ import annotations

from pydantic import JsonValue

from rftcore.schemas.frozen import Frozen


class _OfRun(Frozen):
    run: str
    """The run's id."""
    folder: str


class RunStarted(_OfRun):
    config: dict[str, JsonValue]
    resumed: bool


class GroupFinished(_OfRun):
    stage: str
    update: int
    task: str
    returns: tuple[float, ...]
    successes: tuple[bool, ...]


class UpdateFinished(_OfRun):
    stage: str
    update: int
    stats: dict[str, JsonValue]


class Evaluated(_OfRun):
    train: str
    environment: str
    difficulty: str
    scores: dict[str, float]


class RunFinished(_OfRun):
    report: str
