"""An episode that is played in another process."""

from __future__ import annotations

import contextlib
import random
from typing import Any

from rftcore.environment import Episode, Step
from rftcore.errors import EpisodeError
from rftcore_serve.connection import Connection
from rftcore_serve.wire import state_of


class RemoteEpisode(Episode):
    """One session of a server."""

    def __init__(self, connection: Connection, name: str, observation: str) -> None:
        self.observation = observation
        self._connection, self._name = connection, name
        self._asked = False
        self._actions: tuple[str, ...] | None = None
        self._open = True

    def step(self, action: str) -> Step:
        step = Step(**self._ask("step", {"action": action}))
        self._asked = False
        self.observation = step.observation
        return step

    def available_actions(self) -> tuple[str, ...] | None:
        if not self._asked:
            found = self._ask("available_actions", {})["actions"]
            self._actions, self._asked = None if found is None else tuple(found), True
        return self._actions

    def random_action(self, rng: random.Random) -> str:
        """Return what the environment draws there from this very stream, which goes on from where it stops."""
        drawn = self._ask("random_action", {"state": state_of(rng)})
        version, numbers, gauss = drawn["state"]
        rng.setstate((version, tuple(numbers), gauss))
        return str(drawn["action"])

    def close(self) -> None:
        """Have the session closed; a server that is gone has closed it."""
        if self._open:
            self._open = False
            with contextlib.suppress(EpisodeError, TimeoutError):
                self._connection.drop(self._name)

    def _ask(self, what: str, question: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._connection.ask(f"/v1/episodes/{self._name}/{what}", question)
        return answer


class GuidedEpisode(RemoteEpisode):
    """One with an expert."""

    def expert_action(self) -> str | None:
        action: str | None = self._ask("expert_action", {})["action"]
        return action
