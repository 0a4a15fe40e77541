"""AgentGym's server of BabyAI: a step has a reward and a score, which is the sum of the rewards."""

from __future__ import annotations

from typing import Any

from rftcore_agentgym.dialect import Asked, Dialect, OfId, Route, StepOfId
from rftcore_agentgym.rooms import NoRoom, Rooms


class _Reset(OfId):
    data_idx: int = 0


async def _create(rooms: Rooms, _: Asked) -> dict[str, Any]:
    return {"id": rooms.create().number}


async def _reset(rooms: Rooms, asked: _Reset) -> dict[str, Any]:
    room = await rooms.reset(asked.id, asked.data_idx)
    return {"observation": room.observation, "reward": 0, "score": 0, "deleted": False, "done": False}


async def _step(rooms: Rooms, asked: StepOfId) -> dict[str, Any]:
    if rooms.find(asked.id).done:
        raise NoRoom(f"The task with environment {asked.id} has finished.")
    room = await rooms.step(asked.id, asked.action)
    return {"observation": room.observation, "reward": room.reward, "score": room.score, "done": room.done}


async def _observation(rooms: Rooms, asked: OfId) -> str:
    return rooms.find(asked.id).observation


async def _close(rooms: Rooms, asked: OfId) -> bool:
    return await rooms.close(asked.id)


DIALECT = Dialect(
    environment="babyai",
    greeting="This is environment BabyAI.",
    routes=(
        Route("POST", "/create", Asked, _create),
        Route("POST", "/reset", _Reset, _reset),
        Route("POST", "/step", StepOfId, _step),
        Route("GET", "/observation", OfId, _observation),
        Route("POST", "/close", OfId, _close),
    ),
    tells=True,
)
