"""Environments that hang: who waits for them, for how long, and what becomes of their threads."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from rftcore import deadline
from rftcore.deadline import Timed, timed
from rftcore.environment import Environment, Episode, Step
from rftcore.errors import EpisodeError, RunError
from rftcore.faults import Breaker, Faults
from rftcore.policy import Policy
from rftcore.rollout import PolicyActor, collect
from rftcore.schemas.task import Split, Task
from rftcore.schemas.trajectory import Trajectory


class Slow(Environment):
    """Hangs where an action says so, or the `starts`-th episode begins, until `let_go`."""

    name = "slow"
    max_turns = 4
    instructions = ""

    def __init__(self, starts: Sequence[int] = ()) -> None:
        super().__init__()
        self.started, self.closed, self.threads = 0, 0, set[int]()
        self.let_go, self.hanging = threading.Event(), threading.Event()
        self._hangs = starts

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [
            Task(environment="slow", id=f"slow/easy/train/{n}", split=split, difficulty=difficulty, seed=n)
            for n in range(4)
        ]

    def start(self, task: Task) -> Episode:
        self.started += 1
        if self.started in self._hangs:
            self.hang()
        return _Slow(self)

    def hang(self) -> None:
        self.hanging.set()
        self.let_go.wait()


class Patient(Timed):
    """The time begins when a call hangs: one that answers does so in time, however busy the machine is."""

    def wait(self, call: Future[Any]) -> Any:
        until(lambda: call.done() or self._environment.hanging.is_set())  # type: ignore[attr-defined]
        self._environment.hanging.clear()  # type: ignore[attr-defined]
        return super().wait(call)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true() and time.monotonic() < end:
        time.sleep(0.001)


class _Slow(Episode):
    def __init__(self, owner: Slow) -> None:
        self.observation, self._owner = "begin", owner

    def step(self, action: str) -> Step:
        self._owner.threads.add(threading.get_ident())
        if action == "hang":
            self._owner.hang()
        if action == "late":
            raise TimeoutError("my own server")
        if action == "quit":
            raise SystemExit(3)
        self.observation = f"after {action}"
        return Step(self.observation, 1.0, action == "win", success=action == "win")

    def available_actions(self) -> tuple[str, ...]:
        return ("win",)

    def expert_action(self) -> str:
        return "win"

    def close(self) -> None:
        self._owner.closed += 1


class Says(Policy):
    """Says the same things in every episode, or what `answers` gives."""

    def __init__(self, *actions: str, pause: float = 0.0) -> None:
        self.said = iter(actions * 1000)
        self.pause = pause

    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str:
        if self.pause:
            await asyncio.sleep(self.pause)
        return next(self.said)


def play(environment: Environment, policy: Policy, faults: Faults | None = None) -> Trajectory:
    task = environment.tasks("train", "easy")[0]
    groups = collect({"slow": environment}, PolicyActor(policy), [task], 1, seed=0, breaker=Breaker(faults))
    return asyncio.run(groups)[0].trajectories[0]


@pytest.fixture
def slow() -> Iterator[Slow]:
    environment = Slow()
    yield environment
    environment.let_go.set()


def test_without_a_deadline_the_environment_is_as_it_is(slow: Slow) -> None:
    assert timed(slow, None) is slow


def test_an_episode_that_answers_in_time_is_the_environments_own(slow: Slow) -> None:
    watched = timed(slow, 30.0)
    plain, found = play(slow, Says("1", "win")), play(watched, Says("1", "win"))
    assert found == plain
    assert (watched.name, watched.max_turns, watched.tasks("train", "easy")) == (
        "slow",
        4,
        slow.tasks("train", "easy"),
    )
    assert list(watched.oracle(watched.tasks("train", "easy")[0])) == ["win"]
    assert slow.started == slow.closed == 3


def lanes() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "slow-episode"]


def test_an_episode_lives_in_one_thread_that_ends_with_it(slow: Slow) -> None:
    play(timed(slow, 30.0), Says("1", "2", "3", "win"))
    assert len(slow.threads) == 1
    assert threading.get_ident() not in slow.threads
    until(lambda: not lanes())  # those of the tests before end by themselves, too
    assert lanes() == []


def test_a_step_that_hangs_is_a_timeout_and_is_played_afresh(slow: Slow) -> None:
    found = play(Patient(slow, 0.05), Says("1", "hang", "win"))
    assert (found.status, found.attempts, found.success) == ("completed", 2, True)
    assert slow.closed == 1  # the other closes when its step returns
    slow.let_go.set()
    until(lambda: slow.closed == 2)
    assert slow.closed == 2


def test_a_start_that_hangs_is_a_timeout_too() -> None:
    environment = Slow(starts=(1, 2))
    found = play(Patient(environment, 0.05), Says("win"))
    assert (found.status, found.attempts) == ("completed", 3)
    environment.let_go.set()
    until(lambda: environment.closed == 3)
    assert environment.closed == 3


def test_an_environments_own_timeout_is_told_as_its_own(slow: Slow) -> None:
    task = slow.tasks("train", "easy")[0]
    with pytest.raises(TimeoutError, match=r"^my own server$"):
        timed(slow, 30.0).start(task).step("late")
    with pytest.raises(TimeoutError, match=r"slow took longer than 0\.05 s, which is its deadline \(faults\)"):
        timed(slow, 0.05).start(task).step("hang")


def test_an_environment_that_would_end_the_process_fails_as_any_other(slow: Slow) -> None:
    with pytest.raises(EpisodeError, match=r"^SystemExit: 3$"):
        timed(slow, 30.0).start(slow.tasks("train", "easy")[0]).step("quit")


def test_threads_that_nobody_can_stop_are_few_before_the_run_stops(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "MOST_STUCK", 3)
    watched = Patient(slow, 0.02)
    with pytest.raises(RunError, match=r"slow: 3 calls took longer than 0\.02 s and still run"):
        play(watched, Says("hang"))


@pytest.mark.parametrize("pause", [0.0, 30.0])
def test_an_episode_has_a_deadline_whoever_is_slow(pause: float, slow: Slow) -> None:
    class Sleeping(Says):
        async def act(self, *arguments: object, **options: object) -> str:
            if pause:
                await asyncio.sleep(pause)  # as a sampler that does not answer
            else:
                time.sleep(0.06)  # as one that keeps the event loop busy
            return "1"

    with pytest.raises(RunError, match=r"ended with timeout: .*the episode took longer than 0\.1 s \(faults\.episode"):
        play(slow, Sleeping(), Faults(episode_seconds=0.1))
    assert slow.started == slow.closed == 3


def test_the_longest_step_is_the_shorter_of_both_deadlines() -> None:
    assert Faults().longest_step is None
    assert Faults(episode_seconds=60).longest_step == 60
    assert Faults(episode_seconds=60, step_seconds=5).longest_step == 5
