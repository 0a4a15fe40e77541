"""AgentGym's server of WebShop: bare numbers and pairs, and a page whose clickables are asked for apart."""

from __future__ import annotations

import re
from typing import Any

from rftcore_agentgym.dialect import Asked, Dialect, OfEnvIdx, Route, StepOfEnvIdx
from rftcore_agentgym.rooms import Room, Rooms

_CLICK = re.compile(r"click\[(.*)\]", re.DOTALL)
_INSTRUCTION = re.compile(r"Instruction:(?: \[SEP\] |\s*)(.*?)(?: \[SEP\] |\s*\n|$)", re.DOTALL)
"""In the first observation, which is the search page."""


class _Reset(OfEnvIdx):
    session_id: int | None = None


async def _create(rooms: Rooms, _: Asked) -> int:
    return rooms.create().number


async def _list(rooms: Rooms, _: Asked) -> list[int]:
    return rooms.numbers()


async def _reset(rooms: Rooms, asked: _Reset) -> list[Any]:
    room = await rooms.reset(asked.env_idx, asked.session_id or 0)
    return [room.observation, None]


async def _step(rooms: Rooms, asked: StepOfEnvIdx) -> dict[str, Any]:
    room = await rooms.step(asked.env_idx, asked.action)
    return {"state": room.observation, "reward": room.reward, "done": room.done, "info": None}


async def _available(rooms: Rooms, asked: OfEnvIdx) -> dict[str, Any]:
    actions = await rooms.ask(asked.env_idx, lambda episode: episode.available_actions() or ())
    searches = any(action.startswith("search[") for action in actions)
    clicks = [match[1] for match in map(_CLICK.fullmatch, actions) if match]
    return {"has_search_bar": searches, "clickables": ["search", *clicks] if searches else clicks}


async def _observation(rooms: Rooms, asked: OfEnvIdx) -> str:
    return rooms.find(asked.env_idx).observation


async def _instruction(rooms: Rooms, asked: OfEnvIdx) -> str:
    return _told(rooms.find(asked.env_idx))


async def _state(rooms: Rooms, asked: OfEnvIdx) -> dict[str, Any]:
    """Return the page as text where the original has HTML: no pages are rendered here, and none has an address."""
    room = rooms.find(asked.env_idx)
    return {"url": "", "html": room.observation, "instruction_text": _told(room)}


async def _close(rooms: Rooms, asked: OfEnvIdx) -> dict[str, Any]:
    return {"closed": await rooms.close(asked.env_idx)}


def _told(room: Room) -> str:
    """Return the instruction, which the first page shows."""
    found = _INSTRUCTION.search(room.prompt)
    return found[1].strip() if found else ""


DIALECT = Dialect(
    environment="webshop",
    greeting="ok",
    routes=(
        Route("GET", "/list_envs", Asked, _list),
        Route("POST", "/create", Asked, _create),
        Route("POST", "/reset", _Reset, _reset),
        Route("POST", "/step", StepOfEnvIdx, _step),
        Route("GET", "/available_actions", OfEnvIdx, _available),
        Route("GET", "/instruction_text", OfEnvIdx, _instruction),
        Route("GET", "/observation", OfEnvIdx, _observation),
        Route("GET", "/state", OfEnvIdx, _state),
        Route("POST", "/close", OfEnvIdx, _close),
    ),
    tells=False,
)
