"""The contracts of policies without tokens: who plays in place of a model that is trained here.

A `Policy` sees the live episode and answers with an action: oracle, random and replay, the floor and ceiling of every
table. A `ChatPolicy` sees what a model would see, the conversation in the run's prompt format, and answers with text: a
model behind an API. A trained model is neither: it acts through a `Sampler`, which speaks token ids.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypedDict

from rftcore.environment import Episode
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Task


class Policy(ABC):
    """Chooses an action from a live episode."""

    class Config(Frozen):
        """Options of the policy."""

    name: ClassVar[str]

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments."""
        self.config: Any = self.Config.model_validate(options) if config is None else config

    @abstractmethod
    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        """Return the text of turn number `turn` (from 0), or None to give up.

        `rng` is the episode's own random stream; a policy draws from nothing else.
        """


class Message(TypedDict):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a `ChatPolicy` answers: a conversation that ends with an observation, and whose it is."""

    messages: tuple[Message, ...]
    task: str
    """The task's digest."""
    sample: int
    turn: int
    """From 0. Task, sample and turn tell apart equal conversations, which are drawn independently."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What answers cost, those included that were paid for by an earlier, killed process."""

    answers: int
    prompt_tokens: int
    completion_tokens: int
    money: float | None
    """In the currency of the configured prices; None without any."""

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> Spending:
        """Return what was written down of one."""
        return cls(**figures)

    def __str__(self) -> str:
        tokens = f"{self.prompt_tokens + self.completion_tokens:,} tokens"
        return tokens if self.money is None else f"{tokens}, {self.money:.4f} spent"


def added(parts: Iterable[Spending]) -> Spending:
    """Return the sum of what was spent."""
    every = list(parts)
    money = [part.money for part in every if part.money is not None]
    return Spending(
        answers=sum(part.answers for part in every),
        prompt_tokens=sum(part.prompt_tokens for part in every),
        completion_tokens=sum(part.completion_tokens for part in every),
        money=sum(money) if money else None,
    )


class BudgetSpent(Exception):
    """The next answer could cost more than is left; the episode ends with the status `budget`, and no other is paid."""


class ChatPolicy(ABC):
    """Answers a conversation with text; many may be awaited at once."""

    class Config(Frozen):
        """Options of the policy."""

    name: ClassVar[str]

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments."""
        self.config: Any = self.Config.model_validate(options) if config is None else config

    @property
    @abstractmethod
    def lanes(self) -> int:
        """Return how many episodes are worth playing at once."""

    @abstractmethod
    def open(self, place: Path) -> None:
        """Get ready to play; called once. What has to outlive a killed process is kept in the folder `place`."""

    @abstractmethod
    async def reply(self, prompt: Prompt) -> str:
        """Return the model's answer, as it stands.

        Raises ContextFull when the conversation is too long for the model, BudgetSpent, an RftError for what no other
        attempt can mend, and anything else for a failure that is neither the agent's nor final.
        """

    @property
    @abstractmethod
    def spending(self) -> Spending:
        """Return what all replies so far cost."""

    @property
    def longest(self) -> int | None:
        """Return the most tokens of an answer; None: as many as the run's own model may give."""
        return None

    def price(self, prompt_tokens: float, completion_tokens: float) -> float | None:
        """Return what so many tokens cost, in the currency of its prices; None without any."""
        return None

    def check(self) -> None:
        """Raise ConfigError when it could not play here, such as without a key. Called before a run is made."""

    async def close(self) -> None:
        """Let go of what belongs to the running event loop, such as connections. A later `reply` takes it up again."""
