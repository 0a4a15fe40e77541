"""AgentGym's server of SearchQA: a room begins with a question, and what it observes is always the whole prompt."""

from __future__ import annotations

from typing import Any

from rftcore_agentgym.dialect import Dialect, OfEnvIdx, OfId, Route, StepOfEnvIdx
from rftcore_agentgym.rooms import Rooms


class _Reset(OfEnvIdx):
    id: int | None = None


async def _create(rooms: Rooms, asked: OfId) -> int:
    """Begin the question `id`, as the original does, so that there is an observation before the first reset."""
    room = rooms.create()
    await rooms.reset(room.number, asked.id)
    return room.number


async def _reset(rooms: Rooms, asked: _Reset) -> str:
    return (await rooms.reset(asked.env_idx, asked.id or 0)).prompt


async def _step(rooms: Rooms, asked: StepOfEnvIdx) -> dict[str, Any]:
    room = await rooms.step(asked.env_idx, asked.action)
    return {"observation": room.observation, "reward": room.reward, "done": room.done, "info": None}


async def _observation(rooms: Rooms, asked: OfEnvIdx) -> str:
    return rooms.find(asked.env_idx).prompt


async def _close(rooms: Rooms, asked: OfId) -> bool:
    return await rooms.close(asked.id)


DIALECT = Dialect(
    environment="searchqa",
    greeting="ok",
    routes=(
        Route("POST", "/create", OfId, _create),
        Route("POST", "/reset", _Reset, _reset),
        Route("POST", "/step", StepOfEnvIdx, _step),
        Route("GET", "/observation", OfEnvIdx, _observation),
        Route("POST", "/close", OfId, _close),
    ),
    tells=False,
)
