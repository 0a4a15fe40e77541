"""An environment that is not waited for longer than a deadline.

Nobody can interrupt a call in Python, so each episode lives in a thread of its own, and the caller waits for that
thread. One that does not answer in time is given up, with its thread: a `TimeoutError`, which the rollout takes as it
takes one of a server. The caller does wait meanwhile, as it would for the step itself, so the order in which episodes
take turns stays what it is without a deadline. Code that holds the interpreter's lock for good cannot be watched from
within; serve such an environment in a process of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from rftcore.environment import Environment, Episode, Step
from rftcore.errors import RunError
from rftcore.lane import Lane
from rftcore.schemas.task import Split, Task
from rftcore.wrapped import Wrapped

T = TypeVar("T")

MOST_STUCK = 64
"""Calls that never returned and may still run, in all of an environment: each costs a thread and what it holds."""


def timed(environment: Environment, seconds: float | None) -> Environment:
    """Return `environment` with a deadline for each call of an episode; as it is without one."""
    return environment if seconds is None else Timed(environment, seconds)


class Timed(Wrapped):
    """Everything is that of the environment, but that nobody waits longer than `seconds` for a call."""

    def __init__(self, environment: Environment, seconds: float) -> None:
        super().__init__(environment)
        self.seconds = seconds
        self._stuck: list[Future[Any]] = []

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the environment's own."""
        return self._environment.tasks(split, difficulty)

    def start(self, task: Task) -> Episode:
        """Begin `task` in a new thread. Raises TimeoutError when that takes too long."""
        lane = Lane(f"{self.name}-episode")
        starting = lane.submit(lambda: self._environment.start(task))
        try:
            return _TimedEpisode(self, lane, self.wait(starting))
        except BaseException:
            lane.submit(lambda: _close_late(starting))
            lane.end()
            raise

    def wait(self, call: Future[T]) -> T:
        """Return what `call` returns, and raise what it raises.

        Raises TimeoutError after the deadline, and RunError when too many calls were given up and still run.
        """
        try:
            return call.result(self.seconds)
        except TimeoutError as error:
            if call.done():  # the environment's own, or it ended just as the time was over
                return call.result()
            self._stuck = [other for other in self._stuck if not other.done()] + [call]
            if len(self._stuck) >= MOST_STUCK:
                raise RunError(
                    f"{self.name}: {len(self._stuck)} calls took longer than {self.seconds:g} s and still run, each in "
                    "a thread that nobody can stop. Mend the environment, or have it served in a process of its own "
                    "(rftcore serve), which can be ended"
                ) from error
            raise TimeoutError(
                f"{self.name} took longer than {self.seconds:g} s, which is its deadline (faults); it is given up"
            ) from error


def _close_late(starting: Future[Episode]) -> None:
    """Close an episode that was there only after the deadline."""
    if starting.exception() is None:
        starting.result().close()


class _TimedEpisode(Episode):
    """An episode in its own thread."""

    def __init__(self, owner: Timed, lane: Lane, episode: Episode) -> None:
        self._owner, self._lane, self._episode = owner, lane, episode
        self._given_up = self._closed = False

    @property
    def observation(self) -> str:
        return self._episode.observation

    @observation.setter
    def observation(self, text: str) -> None:
        self._episode.observation = text

    def step(self, action: str) -> Step:
        return self._within(lambda: self._episode.step(action))

    def available_actions(self) -> tuple[str, ...] | None:
        return self._within(self._episode.available_actions)

    def random_action(self, rng: random.Random) -> str:
        return self._within(lambda: self._episode.random_action(rng))

    def expert_action(self) -> str | None:
        return self._within(self._episode.expert_action)

    def close(self) -> None:
        """Close the episode; one that was given up closes when its thread is free, and is not waited for.

        Raises what closing raises, and TimeoutError when it takes too long.
        """
        if self._closed:
            return
        self._closed = True
        closing = self._lane.submit(self._episode.close)
        self._lane.end()
        if not self._given_up:
            self._owner.wait(closing)

    def _within(self, call: Callable[[], T]) -> T:
        asked = self._lane.submit(call)
        try:
            return self._owner.wait(asked)
        finally:
            self._given_up = not asked.done()
