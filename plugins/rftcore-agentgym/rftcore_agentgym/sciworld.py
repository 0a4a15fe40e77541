"""AgentGym's server of ScienceWorld: a score in percent, whose changes are rewards, and -100 for a fatal mistake."""

from __future__ import annotations

from typing import Any

from rftcore_agentgym.dialect import Asked, Dialect, OfId, Route, StepOfId
from rftcore_agentgym.rooms import NoRoom, Room, Rooms


class _Reset(OfId):
    data_idx: int


async def _create(rooms: Rooms, _: Asked) -> dict[str, Any]:
    return {"id": rooms.create().number}


async def _reset(rooms: Rooms, asked: _Reset) -> dict[str, Any]:
    return _told(rooms, await rooms.reset(asked.id, asked.data_idx))


async def _step(rooms: Rooms, asked: StepOfId) -> dict[str, Any]:
    _going_on(rooms, asked)
    room = await rooms.step(asked.id, asked.action)
    return {"observation": room.observation, **_points(room), "done": room.done}


async def _observation(rooms: Rooms, asked: OfId) -> str:
    return _seen(_going_on(rooms, asked))


async def _detail(rooms: Rooms, asked: OfId) -> dict[str, Any]:
    return _told(rooms, _going_on(rooms, asked))


async def _close(rooms: Rooms, asked: OfId) -> bool:
    return await rooms.close(asked.id)


def _going_on(rooms: Rooms, asked: OfId) -> Room:
    room = rooms.find(asked.id)
    if room.done:
        raise NoRoom(f"The task with environment {asked.id} has finished.")
    return room


def _told(rooms: Rooms, room: Room) -> dict[str, Any]:
    data = rooms.items[room.item].data
    told = {"task_name": data["kind"], "var_num": data["variation"], "task_description": _split(room)[0]}
    return {**told, "observation": _seen(room), **_points(room), "deleted": False, "done": room.done}


def _seen(room: Room) -> str:
    return _split(room)[1] if room.observation == room.prompt else room.observation


def _split(room: Room) -> tuple[str, str]:
    """Return the task and the first look, which are the first observation: a line, and the rest."""
    description, _, view = room.prompt.partition("\n")
    return description, view


def _points(room: Room) -> dict[str, int]:
    """Return the percentage of the task, of which the reward is the share, and what it has gained.

    A reward of 0 at an end that no limit made is a fatal mistake.
    """
    lost = room.done and not room.truncated and room.reward == 0
    score = -100 if lost else round(100 * room.reward)
    return {"reward": score - round(100 * room.before), "score": score}


DIALECT = Dialect(
    environment="sciworld",
    greeting="This is environment ScienceWorld.",
    routes=(
        Route("POST", "/create", Asked, _create),
        Route("POST", "/reset", _Reset, _reset),
        Route("POST", "/step", StepOfId, _step),
        Route("GET", "/observation", OfId, _observation),
        Route("GET", "/detail", OfId, _detail),
        Route("POST", "/close", OfId, _close),
    ),
    tells=True,
)
