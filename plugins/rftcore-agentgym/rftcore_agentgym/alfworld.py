"""AgentGym's server of ALFWorld: the available actions stand beside the observation, and the client writes them in."""

from __future__ import annotations

from typing import Any, Literal

from rftcore.environment import Episode
from rftcore.schemas.task import Task
from rftcore_agentgym.dialect import Asked, Dialect, OfId, Route, StepOfId
from rftcore_agentgym.rooms import NoRoom, Room, Rooms


class _Reset(OfId):
    game: int
    world_type: Literal["Text", "Embody", "Hybrid"]
    """All of them are played in text here."""


def _actions(episode: Episode) -> list[str]:
    return list(episode.available_actions() or ())


async def _create(rooms: Rooms, _: Asked) -> dict[str, Any]:
    return {"id": rooms.create().number}


async def _reset(rooms: Rooms, asked: _Reset) -> dict[str, Any]:
    room = await rooms.reset(asked.id, asked.game)
    return {
        "id": room.number,
        "observation": room.observation,
        "available_actions": await rooms.ask(asked.id, _actions),
        "task_type": _task_type(rooms.items[room.item]),
    }


def _task_type(task: Task) -> str:
    """Return the two folders of an official game, `TYPE-.../trial_...`; of a generated one its type and seed."""
    game = task.data.get("game")
    return "/".join(game.split("/")[-3:-1]) if isinstance(game, str) else f"{task.data.get('type')}/{task.seed}"


async def _step(rooms: Rooms, asked: StepOfId) -> dict[str, Any]:
    if rooms.find(asked.id).done:
        raise NoRoom(f"The task with environment {asked.id} has finished.")
    room = await rooms.step(asked.id, asked.action)
    return {
        "observation": room.observation,
        "reward": room.reward,
        "available_actions": await rooms.ask(asked.id, _actions),
        "done": room.done,
    }


async def _available(rooms: Rooms, asked: OfId) -> list[str]:
    return await rooms.ask(asked.id, _actions)


async def _observation(rooms: Rooms, asked: OfId) -> str:
    return _going_on(rooms, asked).observation


async def _detail(rooms: Rooms, asked: OfId) -> dict[str, Any]:
    room = _going_on(rooms, asked)
    return {
        "world_type": "Text",
        "game": room.item,
        "observation": room.observation,
        "available_actions": await rooms.ask(asked.id, _actions),
        "done": room.done,
        "reward": room.reward,
        "deleted": False,
    }


def _going_on(rooms: Rooms, asked: OfId) -> Room:
    room = rooms.find(asked.id)
    if room.done:
        raise NoRoom(f"The task with environment {asked.id} has finished.")
    return room


async def _close(rooms: Rooms, asked: OfId) -> bool:
    return await rooms.close(asked.id)


DIALECT = Dialect(
    environment="alfworld",
    greeting="This is environment AlfWorld.",
    routes=(
        Route("POST", "/create", Asked, _create),
        Route("POST", "/reset", _Reset, _reset),
        Route("POST", "/step", StepOfId, _step),
        Route("GET", "/available_actions", OfId, _available),
        Route("GET", "/observation", OfId, _observation),
        Route("GET", "/detail", OfId, _detail),
        Route("POST", "/close", OfId, _close),
    ),
    tells=True,
    options={"action_list": "never"},
)
