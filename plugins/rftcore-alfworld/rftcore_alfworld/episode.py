"""One run of one household task, as an agent of rftcore sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from rftcore.environment import ActionList, Episode, Step, with_actions
from rftcore_alfworld.commands import Command, Dialect, write
from rftcore_alfworld.engine import Engine
from rftcore_alfworld.game import Game
from rftcore_alfworld.planner import Planner, exploration

Profile = Literal["fixed", "original", "agentgym"]
Expert = Literal["informed", "explorer"]

_ARRIVAL = re.compile(r"You arrive at loc \d+\. ")


class Household(Episode):
    """Do what the game asks for. Reward 1 and the end when it is done; the end is final."""

    def __init__(
        self,
        game: Game,
        *,
        profile: Profile = "fixed",
        dialect: Dialect = "0.4",
        action_list: ActionList = "every",
        expert: Expert = "informed",
    ) -> None:
        self._engine = Engine(game, dialect, mended=profile == "fixed")
        self._agentgym = profile == "agentgym"
        self._action_list = action_list
        self._expert = expert
        self._plan: list[Command] = []
        self._end: Step | None = None
        self.observation = self._shown(first=True)

    def step(self, action: str) -> Step:
        if self._end is not None:
            return self._end
        engine = self._engine
        command = engine.understood(action)
        valid = engine.act(action)
        if valid:
            self._plan = self._plan[1:] if self._plan and command == self._plan[0] else []
        self.observation = self._shown(first=False)
        step = Step(self.observation, float(engine.won), engine.won, success=engine.won, valid=valid)
        if engine.won:
            self._end = step
        return step

    def available_actions(self) -> tuple[str, ...]:
        """Return every command that would do something now, sorted."""
        return self._engine.admissible()

    def expert_action(self) -> str | None:
        """Return the next action of a plan from the present state; None when the task is done or out of reach.

        The informed expert knows where everything is; the explorer knows only what this episode has shown.
        """
        engine = self._engine
        if self._end is not None:
            return None
        if not self._plan:
            if self._expert == "informed":
                self._plan = Planner(engine.game, engine.state).plan() or []
            else:
                # Each look may show something better, so a plan of the explorer is good for one step.
                self._plan = (exploration(engine.game, engine.state) or [])[:1]
        return write(engine.game, engine.dialect, self._plan[0]) if self._plan else None

    def _shown(self, first: bool) -> str:
        text = self._engine.observation
        if self._agentgym:
            text = "\n".join(text.split("\n\n")[1:]) if first else _ARRIVAL.sub("", text, count=1)
        if self._action_list == "every" or (first and self._action_list == "first"):
            return self._listed(text, self.available_actions())
        return text

    def _listed(self, text: str, actions: Iterable[str]) -> str:
        if self._agentgym:
            return f"{text}\nAVAILABLE ACTIONS: {','.join(actions)}"
        return with_actions(text, actions)
