"""What every policy promises: text or nothing, chance from the episode's own stream, and hands off the episode."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from rftcore import eventloop
from rftcore.environment import Step
from rftcore.policy import Policy
from rftcore.schemas.task import Task
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.line import Line, Walking
from rftcore.testing.subject import Subject


@check("static")
def incidental_options_exist(subject: Subject) -> Problems:
    """What the spec calls incidental are options, so that no other is left out of a run's identity."""
    for name in subject.spec.incidental:
        if name not in subject.config.model_fields:
            yield f"incidental names {name!r}, expected one of {', '.join(subject.config.model_fields) or 'nothing'}"


@check("light")
def acts_in_text(subject: Subject) -> Problems:
    """A turn is answered with text, or with None to give up."""
    _needs_act(subject)
    for task, actions in zip(_tasks(), _played(subject.make(), _tasks()), strict=True):
        for turn, action in enumerate(actions):
            if action is not None and not isinstance(action, str):
                yield f"task {task.id!r}, turn {turn}: {action!r} came back, expected text, or None to give up"
                break


@check("light")
def draws_from_its_stream(subject: Subject) -> Problems:
    """Episodes side by side go as each goes alone, with equal random streams; no other chance is used."""
    _needs_act(subject)
    policy = subject.make()
    before = random.getstate()
    together = _played(policy, _tasks())
    if random.getstate() != before:
        yield "it draws from the module random, expected the episode's own stream; use the rng that act() is given"
    for task, actions in zip(_tasks(), together, strict=True):
        (alone,) = _played(subject.make(), [task])
        if alone != actions:
            yield (
                f"task {task.id!r}: beside others it does {actions}, expected {alone} as alone; use the rng that act() "
                "is given, and keep what is remembered by task and sample"
            )
            break


@check("light")
def leaves_stepping(subject: Subject) -> Problems:
    """A policy reads the episode, and only the rollout steps it."""
    _needs_act(subject)
    for task in _tasks():
        episode = Watched(task)
        eventloop.run(subject.make().act(task, episode, 0, 0, random.Random(task.id)))
        if episode.steps:
            yield f"task {task.id!r}: act() called step() {episode.steps} times, expected never; return the action"
            break


POLICY_CHECKS = (incidental_options_exist, acts_in_text, draws_from_its_stream, leaves_stepping)


def _needs_act(subject: Subject) -> None:
    if subject.spec.chat:
        raise NotApplicable("it chats: it never sees an episode, and asking it may cost money")


class Watched(Walking):
    """Counts its steps."""

    def __init__(self, task: Task) -> None:
        assert isinstance(task.answer, int)
        super().__init__(task.answer)
        self.steps = 0

    def step(self, action: str) -> Step:
        self.steps += 1
        return super().step(action)


def _tasks() -> list[Task]:
    return [*Line().tasks("test", "easy"), *Line().tasks("test", "hard")]


def _played(policy: Policy, tasks: Sequence[Task]) -> list[list[str | None]]:
    """Return the actions of an episode of each task, all of them played at once."""

    async def play(task: Task) -> list[str | None]:
        episode, rng, actions = Line().start(task), random.Random(task.id), list[str | None]()
        for turn in range(Line.max_turns):
            action = await policy.act(task, episode, turn, 0, rng)
            actions.append(action)
            if not isinstance(action, str) or episode.step(action).terminated:
                break
            await asyncio.sleep(0)
        return actions

    async def play_all() -> list[list[str | None]]:
        return list(await asyncio.gather(*map(play, tasks)))

    return eventloop.run(play_all())
