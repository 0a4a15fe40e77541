"""The environment `agentgym`: plays one of AgentGym's environments by the address of its server.

It plays under the environment's name. A task is a number of the server's, and which numbers are trained on and tested
with is for the options to say: the servers know of no splits.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar

from pydantic import Field

from rftcore.environment import ActionList, Environment
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import SPLITS, Split, Task
from rftcore_agentgym.client.connection import Connection
from rftcore_agentgym.client.contract import Contract
from rftcore_agentgym.client.episode import AgentGymEpisode
from rftcore_agentgym.client.servers import CONTRACTS


class Numbers(Frozen):
    """The tasks of one difficulty: ranges of the server's numbers, first and last."""

    train: tuple[tuple[int, int], ...] = Field(min_length=1)
    test: tuple[tuple[int, int], ...] = Field(min_length=1)


class AgentGym(Environment):
    """An environment of AgentGym, played over HTTP."""

    class Config(Frozen):
        """Options of `agentgym`."""

        environment: str
        """What is served, such as `webshop`."""
        url: str = Field(pattern=r"^https?://[^\s?#]+$")
        """What AgentGym calls `env_server_base`; that of maze ends in `/maze`, and that of wordle in `/wordle`."""
        difficulties: dict[str, Numbers] = Field(min_length=1)
        """From easiest to hardest: the name of each difficulty, and its numbers in both splits."""
        called: str = Field(default="", pattern=r"^([a-z][a-z0-9_-]*)?$")
        """Name that it plays under; empty: the environment's."""
        action_list: ActionList | None = None
        """Which observations list the available actions. ALFWorld's server tells them apart, so any can; BabyAI's shows
        them in every observation, and the others never do. None: as the server does, and never for ALFWorld."""
        max_turns: int | None = Field(default=None, ge=1)
        """Turns after which the rollout truncates; None: the environment's default."""
        timeout: float = Field(default=300.0, gt=0)
        """Seconds that one answer may take."""
        patience: float = Field(default=5.0, ge=0)
        """Seconds that a server which says that it is full is asked again."""

    name: ClassVar[str] = "agentgym"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments.

        Raises ConfigError when AgentGym has no such environment, or a number is in two lists.
        """
        super().__init__(config, **options)
        given: AgentGym.Config = self.config
        self._contract = _contract(given.environment)
        self._numbers = _lists(given.difficulties)
        shown: ActionList = "every" if self._contract.lists else "never"
        asked = given.action_list or shown
        if asked != shown and not self._contract.actions:
            does = "lists them in every observation" if self._contract.lists else "lists no actions"
            raise ConfigError(
                f"action_list: found {asked!r}, but the server of {given.environment} {does}, expected {shown!r}"
            )
        turns = given.max_turns or self._contract.turns
        self.config = given.model_copy(
            update={"called": given.called or given.environment, "action_list": asked, "max_turns": turns}
        )
        # Declared by the class elsewhere; here they are those of what is served.
        vars(self).update(
            name=self.config.called,
            difficulties=tuple(given.difficulties),
            returns=self._contract.returns,
            reward_range=self._contract.reward_range,
        )
        self.max_turns, self.instructions = turns, self._contract.instructions
        self._connection = Connection(given.url, self._contract, timeout=given.timeout, patience=given.patience)
        weakref.finalize(self, self._connection.close)

    def __reduce__(self) -> tuple[type[AgentGym], tuple[Frozen]]:
        return type(self), (self.config,)

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return a task for each number that the options name. Raises ConfigError when `difficulty` is unknown."""
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")
        return [
            Task(
                environment=self.name,
                id=f"{self.name}/{difficulty}/{split}/{number}",
                split=split,
                difficulty=difficulty,
                seed=number,
                data={"number": number},
            )
            for number in self._numbers[difficulty, split]
        ]

    def start(self, task: Task) -> AgentGymEpisode:
        """Begin `task` there. Raises EpisodeError when the server is away, or answers in another shape."""
        return AgentGymEpisode(self._connection, self._contract, task.seed, self.config.action_list)

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what is known of any server."""
        return {
            "lists_actions": self.config.action_list != "never",
            "deterministic": True,
            "thread_safe": True,
            "agentgym_environment": self.config.environment,
            "data_source": "the server's",
            "license": "that of what is served",
        }


def _contract(name: str) -> Contract:
    if name not in CONTRACTS:
        close = get_close_matches(name, CONTRACTS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(sorted(CONTRACTS))}"
        raise ConfigError(f"environment: found {name!r}, expected one of AgentGym's; {hint}")
    return CONTRACTS[name]


def _lists(difficulties: Mapping[str, Numbers]) -> dict[tuple[str, Split], list[int]]:
    """Return the numbers of each list. Raises ConfigError when one is in two lists, or a range is none."""
    lists: dict[tuple[str, Split], list[int]] = {}
    owner: dict[int, str] = {}
    for difficulty, numbers in difficulties.items():
        for split in SPLITS:
            place = f"difficulties.{difficulty}.{split}"
            for first, last in getattr(numbers, split):
                if not 0 <= first <= last:
                    raise ConfigError(f"{place}: found [{first}, {last}], expected the first number and the last one")
                twice = next((number for number in range(first, last + 1) if number in owner), None)
                if twice is not None:
                    raise ConfigError(f"{place}: number {twice} is in {owner[twice]} already; write it once")
                owner.update(dict.fromkeys(range(first, last + 1), place))
                lists.setdefault((difficulty, split), []).extend(range(first, last + 1))
    return lists
