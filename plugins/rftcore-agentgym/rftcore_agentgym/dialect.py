"""A dialect: the routes that one of AgentGym's servers has, what they take, and what they answer.

AgentGym has a server of its own for each environment, and no two of them answer in the same shape.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, JsonValue

from rftcore_agentgym.rooms import Rooms


class Asked(BaseModel):
    """What a route takes. Other keys are ignored, as they are by AgentGym: its clients send more than is read."""


class OfId(Asked):
    """A question to the room `id`."""

    id: int


class StepOfId(OfId):
    """An action in the room `id`."""

    action: str


class OfEnvIdx(Asked):
    """A question to the room `env_idx`."""

    env_idx: int


class StepOfEnvIdx(OfEnvIdx):
    """An action in the room `env_idx`."""

    action: str


@dataclass(frozen=True, slots=True)
class Route:
    """`answer` takes the rooms and what was asked, and returns what JSON has."""

    method: str
    path: str
    asks: type[Asked]
    answer: Callable[[Rooms, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the server of one environment speaks."""

    environment: str
    greeting: str
    """The answer to `GET /`."""
    routes: tuple[Route, ...]
    tells: bool
    """Whether what an environment refuses is an answer with the key `error`; otherwise it is a status."""
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    """Options of the environment without which an answer would say something twice."""


def whole(reward: float) -> float | int:
    """Return a reward as the servers write it that count in whole numbers."""
    return int(reward) if reward.is_integer() else reward
