"""One episode on a server of AgentGym's."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from rftcore.environment import ActionList, Episode, Step, with_actions
from rftcore_agentgym.client.connection import Connection
from rftcore_agentgym.client.contract import Contract, flag, number, text, texts

BLANK = " \t\r\n\0"
LISTED = re.compile(r"\nAvailable actions: \[(.*)\]\s*$")
NAME = re.compile(r'"([^"]*)"')


class AgentGymEpisode(Episode):
    """A room of a server, from a reset on. After the end, nothing is asked any more."""

    def __init__(self, connection: Connection, contract: Contract, item: int, action_list: ActionList) -> None:
        self._connection, self._contract, self._list = connection, contract, action_list
        self._end: Step | None = None
        self._actions: tuple[str, ...] | None = None
        self._room: int | str | None = connection.take()
        self._whole = False
        try:
            first = self._begin(item)
        except BaseException:
            self.close()
            raise
        self._whole = True
        self.observation = self._shown(first, self._list != "never")

    def step(self, action: str) -> Step:
        """Send the action. What is blank is no action, and is not sent."""
        if self._end is not None:
            return self._end
        if not action.strip(BLANK):
            self.observation = "That is no action."
            return Step(self.observation, 0.0, terminated=False, valid=False)
        contract = self._contract
        self._whole = False
        answer = self._post("step", {"action": contract.sends(action)})
        seen = text(answer, (contract.observation,), "/step")
        reward = number(answer, contract.reward, "/step")
        done = flag(answer, contract.done, "/step")
        self._listed(answer, "/step", seen)
        self._whole = True
        success = done and number(answer, contract.judged, "/step") >= contract.success
        self.observation = self._shown(seen, self._list == "every" and not done)
        step = Step(self.observation, reward, terminated=done, success=success)
        self._end = step if done else None
        return step

    def available_actions(self) -> tuple[str, ...] | None:
        """Return what the server lists; None for the servers that list nothing."""
        return () if self._end is not None and self._actions is not None else self._actions

    def random_action(self, rng: random.Random) -> str:
        """Return one of the actions that are listed, or of a few that the server understands."""
        return rng.choice(self._actions or self._contract.guesses or ("help",))

    def close(self) -> None:
        """Give the room back."""
        if self._room is not None:
            self._connection.give(self._room, whole=self._whole)
            self._room = None

    def _begin(self, item: int) -> str:
        """Reset the room to a task, and return the first observation."""
        contract = self._contract
        answer = self._post("reset", {contract.item: item, **contract.resets})
        lines = [text(answer, place, "/reset") for place in contract.begun]
        if contract.asked:
            assert self._room is not None
            told = self._connection.get(contract.asked, self._room)
            route = f"/{contract.asked}"
            lines.append("\n".join(texts(told, (), route)) if isinstance(told, list) else text(told, (), route))
        first = "\n".join(lines)
        self._listed(answer, "/reset", first)
        return first

    def _post(self, route: str, body: Mapping[str, Any]) -> Any:
        return self._connection.post(route, {self._contract.room: self._room, **body})

    def _listed(self, answer: Any, route: str, seen: str) -> None:
        if self._contract.actions:
            self._actions = texts(answer, (self._contract.actions,), route)
        elif self._contract.lists and (listed := LISTED.search(seen)):
            self._actions = tuple(NAME.findall(listed[1]))

    def _shown(self, seen: str, listed: bool) -> str:
        return with_actions(seen, self._actions) if listed and self._actions and not self._contract.lists else seen
