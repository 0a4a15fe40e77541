"""AgentGym's server of TextCraft: `create` begins an episode at once, and steps after the end are answered."""

from __future__ import annotations

from typing import Any

from rftcore_agentgym.dialect import Asked, Dialect, OfId, Route, StepOfId, whole
from rftcore_agentgym.rooms import Room, Rooms


class _Create(Asked):
    commands: str | None = None
    goal: str | None = None


class _Reset(OfId):
    data_idx: int | None = 0


async def _create(rooms: Rooms, _: _Create) -> dict[str, Any]:
    """Begin the task of the room's number; like the original, whatever `commands` and `goal` say."""
    room = rooms.create()
    return _begun(await rooms.reset(room.number, room.number % max(1, len(rooms.items))))


async def _reset(rooms: Rooms, asked: _Reset) -> dict[str, Any]:
    return _begun(await rooms.reset(asked.id, asked.data_idx or 0))


def _begun(room: Room) -> dict[str, Any]:
    return {"id": room.number, "observation": room.observation, "done": False, "reward": 0}


async def _step(rooms: Rooms, asked: StepOfId) -> dict[str, Any]:
    room = await rooms.step(asked.id, asked.action)
    return {"observation": room.observation, "reward": whole(room.reward), "done": room.done}


async def _observation(rooms: Rooms, asked: OfId) -> str:
    return rooms.find(asked.id).observation


async def _detail(rooms: Rooms, asked: OfId) -> dict[str, Any]:
    room = rooms.find(asked.id)
    return {"observation": room.observation, "done": room.done, "reward": whole(room.reward), "deleted": False}


async def _close(rooms: Rooms, asked: OfId) -> bool:
    return await rooms.close(asked.id)


DIALECT = Dialect(
    environment="textcraft",
    greeting="This is environment TextCraft.",
    routes=(
        Route("POST", "/create", _Create, _create),
        Route("POST", "/reset", _Reset, _reset),
        Route("POST", "/step", StepOfId, _step),
        Route("GET", "/observation", OfId, _observation),
        Route("GET", "/detail", OfId, _detail),
        Route("POST", "/close", OfId, _close),
    ),
    tells=True,
)
