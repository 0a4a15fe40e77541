"""The contract of an environment: text in, text out, nothing about tokens.

An `Environment` is the shared, immutable world (recipes, levels, a catalogue): built once per process, safe to use from
several threads, picklable. It lists tasks and starts episodes. An `Episode` is one live run of one task. The rollout
enforces the turn limit; the environment only declares it. Nobody interrupts a `step`: an environment that waits for
something outside of the process limits its own waiting, and raises `TimeoutError`, or `EpisodeError` from it.
"""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rftcore.errors import EpisodeError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task

ActionList = Literal["every", "first", "never"]
"""Which observations list the available actions: the type of the option `action_list`."""


def with_actions(observation: str, actions: Iterable[str]) -> str:
    """Return `observation` and the actions after it, in the one form that all environments share."""
    names = ", ".join(f'"{name}"' for name in actions)
    return f"{observation}\nAvailable actions: [{names}]"


def distinct_words(texts: Iterable[str]) -> frozenset[str]:
    """Return the words of `texts`, such as an environment's vocabulary: runs of letters or digits, in lower case."""
    return frozenset(word for text in texts for word in _WORD.findall(text.lower()))


_WORD = re.compile(r"[^\W\d_]+|\d+")


@dataclass(frozen=True, slots=True)
class Step:
    """The environment's answer to one action, with Gymnasium's meaning of the two ends."""

    observation: str
    reward: float
    terminated: bool
    """The task is decided: no later action changes anything."""
    truncated: bool = False
    """The environment itself stopped early (not the rollout's turn limit)."""
    success: bool = False
    valid: bool = True
    """False when the action was not understood or not possible."""


class Episode(ABC):
    """One run of one task. `observation` holds what the agent sees now."""

    observation: str

    @abstractmethod
    def step(self, action: str) -> Step:
        """Apply one action, any text at all, and update `observation`.

        Nonsense is answered with an observation, never with an exception. Raise `EpisodeError` only when the episode
        itself cannot go on; the rollout then retries with a fresh one and never trains on it as reward 0.
        """

    def available_actions(self) -> tuple[str, ...] | None:
        """Return every action that is understood now, or None when the environment does not enumerate them."""
        return None

    def random_action(self, rng: random.Random) -> str:
        """Return one action drawn from the available ones, or from the environment's grammar."""
        actions = self.available_actions()
        if not actions:
            kind = type(self).__name__
            raise EpisodeError(f"{kind} lists no actions; override random_action to draw from its grammar")
        return rng.choice(actions)

    def expert_action(self) -> str | None:
        """Return the expert's next action in the present state, or None when it gives up."""
        return None

    def close(self) -> None:
        """Release what the episode holds. Safe to call twice."""


class Environment(ABC):
    """A world that lists tasks and starts episodes.

    Subclasses declare the class attributes below, define a nested `Config`, and call `super().__init__`.
    """

    class Config(Frozen):
        """Options of the environment; unknown keys are errors."""

    name: ClassVar[str]
    difficulties: ClassVar[tuple[str, ...]] = ("easy", "hard")
    """From easiest to hardest."""
    returns: ClassVar[Literal["last", "sum", "max"]] = "last"
    """How the rewards of an episode become its return."""
    reward_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    max_turns: int
    """Turns after which the rollout truncates the episode."""
    instructions: str
    """What an agent must know before the first observation: rules and action syntax, no task content."""
    action_templates: tuple[str, ...] = ()
    """Every form of an action, such as `take {thing} from {place}` (`rftcore.action_template`); empty: not declared."""

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments."""
        self.config: Any = self.Config.model_validate(options) if config is None else config

    @abstractmethod
    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the fixed, ordered list of tasks: the same on every machine and in every process."""

    @abstractmethod
    def start(self, task: Task) -> Episode:
        """Begin a fresh episode of `task`; the same task always gives the same first observation."""

    def vocabulary(self) -> Sequence[str]:
        """Return the texts whose words cover what observations and actions are made of; order is irrelevant.

        Used to build a small tokenizer; an environment that returns nothing is still read, byte by byte.
        """
        return ()

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return honest metadata that the transfer report prints.

        It knows these names: `feedback` (how dense it is, in a few words), `lists_actions` (whether any observation
        lists the available ones), `expert_turns_<difficulty>` (the expert's mean turns on the train tasks), and
        `vocabulary_words` (how many `distinct_words` the vocabulary has).
        """
        return {}

    def oracle(self, task: Task) -> Iterator[str]:
        """Yield the expert's actions from the start of `task` to its end, at most `max_turns` of them."""
        episode = self.start(task)
        try:
            for _ in range(self.max_turns):
                action = episode.expert_action()
                if action is None:
                    return
                yield action
                step = episode.step(action)
                if step.terminated or step.truncated:
                    return
        finally:
            episode.close()
