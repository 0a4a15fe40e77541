"""Rooms: what AgentGym calls an environment, a number under which a client plays one episode after the other.

A client makes a room once, resets it for every episode, and often never closes it. So a room holds nothing but its
last answers: its episode is a session, which is closed when nobody asks for it. Where there are too many rooms, the one
that was unused for longest is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rftcore.environment import Environment, Episode
from rftcore_agentgym.items import Items
from rftcore_serve.sessions import Refusal, Sessions

MOST = 10_000
"""Rooms that are remembered."""

T = TypeVar("T")


class NoRoom(Refusal):
    """There is no such room, or no episode in it that goes on."""

    def __init__(self, message: str) -> None:
        super().__init__("unknown", message)


@dataclass(slots=True, eq=False)
class Room:
    """What the last answer said."""

    number: int
    item: int = 0
    """The task that is played."""
    session: str = ""
    """That of the episode; empty before the first reset."""
    prompt: str = ""
    """The first observation."""
    observation: str = ""
    reward: float = 0.0
    before: float = 0.0
    """The reward of the answer before."""
    score: float = 0.0
    """Sum of the rewards."""
    done: bool = False
    truncated: bool = False
    """Whether a limit of the environment made the end."""


class Rooms:
    """All of them. Its methods belong to one event loop."""

    def __init__(self, environment: Environment, items: Items, sessions: Sessions) -> None:
        self.items = items
        self._environment, self._sessions = environment, sessions
        self._rooms: dict[int, Room] = {}
        self._made = 0

    def numbers(self) -> list[int]:
        """Return those of all rooms, in order."""
        return sorted(self._rooms)

    def create(self) -> Room:
        """Make a room; where there are too many, the one that was unused for longest is forgotten."""
        room = Room(self._made)
        self._made += 1
        self._rooms[room.number] = room
        if len(self._rooms) > MOST:
            del self._rooms[next(iter(self._rooms))]
        return room

    def find(self, number: int) -> Room:
        """Return a room. Raises NoRoom."""
        room = self._rooms.pop(number, None)
        if room is None:
            raise NoRoom(f"The id {number} is not valid.")
        self._rooms[number] = room  # the one that was used last stands last
        return room

    async def reset(self, number: int, item: int) -> Room:
        """Begin an episode of a task in a room. Raises NoRoom, Refusal, and what the environment raises."""
        room, task = self.find(number), self.items[item]
        await self._sessions.close(room.session)
        room.session, episode = await self._sessions.begin(lambda: self._environment.start(task))
        room.item, room.prompt, room.observation = item, episode.observation, episode.observation
        room.reward, room.before, room.score, room.done, room.truncated = 0.0, 0.0, 0.0, False, False
        return room

    async def step(self, number: int, action: str) -> Room:
        """Apply an action to the episode in a room. Raises NoRoom, Refusal, and what the environment raises."""
        room = self.find(number)
        step = await self.ask(number, lambda episode: episode.step(action))
        room.before = room.reward
        room.observation, room.reward, room.done = step.observation, step.reward, step.terminated or step.truncated
        room.truncated = step.truncated
        room.score += step.reward
        return room

    async def ask(self, number: int, question: Callable[[Episode], T]) -> T:
        """Return what `question` finds in the episode in a room. Raises as `step` does."""
        room = self.find(number)
        if not room.session:
            raise NoRoom(f"The environment {number} has not been reset.")
        return await self._sessions.ask(room.session, question)

    async def close(self, number: int) -> bool:
        """Forget a room and close its episode; return whether there was one."""
        room = self._rooms.pop(number, None)
        if room is None:
            return False
        await self._sessions.close(room.session)
        return True
