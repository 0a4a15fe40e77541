"""Frozen events for observers; they fire in the driver process only and change nothing."""

from __future__ import annotations

from pydantic import JsonValue

from rftcore.schemas.frozen import Frozen


class RunStarted(Frozen):
    run: str
    folder: str
    config: dict[str, JsonValue]
    resumed: bool


class GroupFinished(Frozen):
    run: str
    stage: str
    update: int
    task: str
    returns: tuple[float, ...]
    successes: tuple[bool, ...]


class UpdateFinished(Frozen):
    run: str
    stage: str
    update: int
    stats: dict[str, JsonValue]


class Evaluated(Frozen):
    run: str
    train: str
    environment: str
    difficulty: str
    scores: dict[str, float]


class RunFinished(Frozen):
    run: str
    folder: str
    report: str
