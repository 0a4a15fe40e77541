"""Demonstrations as an actor: whoever shows how it is done speaks with the model's tokens, in the model's context.

A demonstrated answer is encoded once, by the run's chat template and prompt format. What the environment receives is
what those tokens say, so a demonstration that the model could not have given is never trained on. Contexts come from
the same `Conversation` as a model's own, and their checksums are audited in the same way. Nothing was sampled, so a
demonstrated turn has no logprobs.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from rftcore.environment import Environment, Episode
from rftcore.errors import ConfigError
from rftcore.formats import PromptFormat
from rftcore.recording import Recording
from rftcore.rollout import Actor, Answer, ModelActor, Voice
from rftcore.sampler import ContextFull
from rftcore.schemas.task import Task
from rftcore.train.sampler import checksum

Show = Callable[[Task, Episode, int, int, random.Random], str | None]
"""Task, episode, turn, sample and the episode's random stream -> the whole answer of that turn; None gives up."""


def expert(form: PromptFormat, noise: float) -> Show:
    """Show what the environment's expert does, with a random action in a share `noise` of the turns."""

    def show(task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        wandering = noise > 0 and rng.random() < noise
        action = episode.random_action(rng) if wandering else episode.expert_action()
        return None if action is None else form.write(action)

    return show


def repeated(form: PromptFormat, recording: Recording) -> Show:
    """Show what was recorded: sample n of a task is its n-th trajectory.

    A recorded answer is given word for word where it has the run's prompt format. Otherwise its action is written anew.
    """

    def show(task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        turns = recording.of(task)[sample].turns
        if turn >= len(turns):
            return None
        text, action = turns[turn].text, turns[turn].action
        return text if (form.parse(text) or "") == action else form.write(action)

    return show


class Demonstrator(Actor):
    """Plays what is shown, as if `model` had said it: in its context, and within its limits."""

    lanes = 1

    def __init__(self, show: Show, model: ModelActor) -> None:
        self.show, self.model = show, model
        self.reminder = model.reminder

    def begin(self, environment: Environment, task: Task, episode: Episode, sample: int, rng: random.Random) -> Voice:
        return _Shown(self, environment, task, sample, rng)


class _Shown(Voice):
    def __init__(
        self, actor: Demonstrator, environment: Environment, task: Task, sample: int, rng: random.Random
    ) -> None:
        self._show, self._model = actor.show, actor.model
        self._task, self._sample, self._rng = task, sample, rng
        self._conversation = actor.model.conversation(environment, task)

    async def answer(self, episode: Episode, turn: int) -> Answer | None:
        model = self._model
        shown = self._show(self._task, episode, turn, self._sample, self._rng)
        if shown is None:
            return None
        keep, ids = self._conversation.prompt(episode.observation)
        token_ids = model.encoder.encode_answer(shown)
        if len(token_ids) > model.max_new_tokens:
            raise ConfigError(
                f"sampling.max_new_tokens: found {model.max_new_tokens}, expected at least {len(token_ids)}: task "
                f"{self._task.id!r} is demonstrated with {shown!r}, which the policy could never finish"
            )
        length = len(self._conversation.context) + len(token_ids)
        if length > model.sampler.max_context:
            raise ContextFull(f"the demonstration needs {length} tokens, {model.sampler.max_context} fit")
        text = self._conversation.answer(token_ids)
        return Answer(
            text,
            model.form.parse(text),
            keep,
            tuple(ids),
            tuple(token_ids),
            checksum=checksum(self._conversation.context),
        )
