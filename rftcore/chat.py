"""Lets a `ChatPolicy` play: observations become messages, its text becomes actions.

The text side of what `ModelActor` does with tokens: the same system prompt, examples, history and prompt format, so
that a model behind an API is asked as the trained one is.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from rftcore.conversation import History
from rftcore.environment import Environment, Episode
from rftcore.formats import PromptFormat
from rftcore.policy import ChatPolicy, Message, Prompt, Spending
from rftcore.rollout import Actor, Answer, Voice
from rftcore.schemas.task import Task
from rftcore.shots import Examples


class Transcript:
    """The growing conversation of one episode, as messages."""

    def __init__(self, system: str, examples: Sequence[tuple[str, str]], history: History) -> None:
        """`examples` are turns before the first observation: observation and answer of each."""
        self._opening: list[Message] = [{"role": "system", "content": system}]
        for observation, answer in examples:
            self._opening += _turn(observation, answer)
        self._history = history
        self._turns: list[tuple[str, str]] = []

    def asking(self, observation: str) -> tuple[Message, ...]:
        """Return the conversation that ends with `observation`.

        A history that is a window keeps the opening, the first turn, and the last ones.
        """
        kept = self._turns
        if self._history.name == "window" and len(kept) >= self._history.turns:
            kept = [kept[0], *kept[len(kept) - self._history.turns + 2 :]]
        shown = [message for turn in kept for message in _turn(*turn)]
        return (*self._opening, *shown, {"role": "user", "content": observation})

    def add(self, observation: str, answer: str) -> None:
        """Remember a turn."""
        self._turns.append((observation, answer))


def _turn(observation: str, answer: str) -> list[Message]:
    return [{"role": "user", "content": observation}, {"role": "assistant", "content": answer}]


class ChatActor(Actor):
    """Lets a model that is reached by messages play."""

    def __init__(
        self, policy: ChatPolicy, form: PromptFormat, *, history: History | None = None, shots: int = 0
    ) -> None:
        self.policy, self.form = policy, form
        self.history = history or History()
        self.examples = Examples(shots, form)
        self.lanes = policy.lanes
        self.reminder = form.reminder

    @property
    def spending(self) -> Spending:
        return self.policy.spending

    def begin(self, environment: Environment, task: Task, episode: Episode, sample: int, rng: random.Random) -> Voice:
        return _ChatVoice(self, environment, task, sample)

    async def close(self) -> None:
        await self.policy.close()


class _ChatVoice(Voice):
    def __init__(self, actor: ChatActor, environment: Environment, task: Task, sample: int) -> None:
        self._actor, self._task, self._sample = actor, task.digest, sample
        system = actor.form.system(environment.instructions)
        self._transcript = Transcript(system, actor.examples(environment, task), actor.history)

    async def answer(self, episode: Episode, turn: int) -> Answer | None:
        observation = episode.observation
        messages = self._transcript.asking(observation)
        text = await self._actor.policy.reply(Prompt(messages, self._task, self._sample, turn))
        self._transcript.add(observation, text)
        return Answer(text, self._actor.form.parse(text))
