"""Rollouts with a scripted environment: whose failure it was, what counts, and that nothing depends on the company."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rftcore import experiment
from rftcore.accounts import tallies
from rftcore.attempts import ATTEMPTS
from rftcore.environment import Environment, Episode, Step
from rftcore.errors import EpisodeError, RftError, RunError
from rftcore.rollout import Actor, Answer, Voice, collect, episode_return
from rftcore.sampler import ContextFull
from rftcore.schemas.task import Split, Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn

Act = Callable[[Episode, int, random.Random], Any]


class Script(Environment):
    """Rewards are read off each action; `end` terminates, `win` does so with success, `stop` truncates."""

    name = "script"
    max_turns = 5
    instructions = ""

    def __init__(
        self, break_at: Sequence[int] = (), error: BaseException | None = None, stay_open: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.started, self.closed, self.stay_open = 0, 0, stay_open
        self._break_at, self._error = break_at, error or EpisodeError("the game crashed")

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [
            Task(environment="script", id=f"script/easy/train/{n}", split=split, difficulty=difficulty, seed=n)
            for n in range(4)
        ]

    def start(self, task: Task) -> Episode:
        self.started += 1
        if self.started in self._break_at:
            raise self._error
        return _Scripted(self)


class _Scripted(Episode):
    observation = "begin"

    def __init__(self, owner: Script) -> None:
        self._owner = owner

    def step(self, action: str) -> Step:
        if action == "crash":
            raise ValueError("a bug in the game")
        if action == "wait":
            raise TimeoutError("no answer in 30 s")
        if action == "cancel":
            raise asyncio.CancelledError("the game's connection")
        if action == "exit":
            sys.exit(3)
        if action in ("nan", "inf"):
            return Step(action, float(action), terminated=True)
        self.observation = f"after {action}"
        reward = float(action) if action.replace(".", "").lstrip("-").isdigit() else 0.0
        won = action == "win"
        return Step(self.observation, reward, won or action == "end", action == "stop", won, valid=action != "bad")

    def close(self) -> None:
        self._owner.closed += 1
        if self._owner.closed in self._owner.stay_open:
            raise OSError("connection reset on close")


class Scripted(Actor):
    """Answers what `act` returns; None in place of an action is an answer without the format's form."""

    reminder = "say it properly"

    def __init__(self, act: Act, lanes: int = 3) -> None:
        self.act, self.lanes, self.closed = act, lanes, 0

    def begin(self, environment: Environment, task: Task, episode: Episode, sample: int, rng: random.Random) -> Voice:
        return _Spoken(self, rng)


class _Spoken(Voice):
    def __init__(self, actor: Scripted, rng: random.Random) -> None:
        self._actor, self._rng = actor, rng

    async def answer(self, episode: Episode, turn: int) -> Answer | None:
        await asyncio.sleep(0)
        found = self._actor.act(episode, turn, self._rng)
        return found if found is None or isinstance(found, Answer) else Answer(found, found)

    def close(self) -> None:
        self._actor.closed += 1


def saying(*actions: Any) -> Act:
    return lambda episode, turn, rng: actions[turn % len(actions)]


def play(environment: Script, actor: Actor, *, tasks: int = 1, samples: int = 1, **options: Any) -> list[Group]:
    chosen = environment.tasks("train", "easy")[:tasks]
    return asyncio.run(collect({"script": environment}, actor, chosen, samples, **{"seed": 0, **options}))


def one(environment: Script, act: Act, **options: Any) -> Trajectory:
    return play(environment, Scripted(act), **options)[0].trajectories[0]


@pytest.mark.parametrize(
    ("actions", "status", "turns", "success"),
    [
        (("1", "win"), "completed", 2, True),
        (("1", "end"), "completed", 2, False),
        (("1", "stop"), "truncated", 2, False),
        (("1",), "truncated", 5, False),
        (("1", None), "truncated", 1, False),
    ],
)
def test_how_an_episode_ends(actions: tuple[Any, ...], status: str, turns: int, success: bool) -> None:
    found = one(Script(), saying(*actions))
    assert (found.status, len(found.turns), found.success, found.attempts) == (status, turns, success, 1)
    assert found.turns[0].observation == "begin"
    assert found.final_observation == f"after {found.turns[-1].action}"


def test_the_turn_limit_lowers_the_environments_own_and_never_lifts_it() -> None:
    assert len(one(Script(), saying("1"), turn_limit=2).turns) == 2
    assert len(one(Script(), saying("1"), turn_limit=99).turns) == 5


@pytest.mark.parametrize(("rule", "expected"), [("last", -1.0), ("sum", 2.5), ("max", 3.0)])
def test_the_return_folds_the_rewards_as_declared(rule: str, expected: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Script, "returns", rule)
    assert one(Script(), saying("0.5", "3", "-1"), turn_limit=3).ret == expected
    assert episode_return(Script(), []) == 0.0


def test_an_answer_without_an_action_gets_the_reminder_and_never_reaches_the_environment() -> None:
    found = one(Script(), saying(Answer("er", None), "win"))
    assert [(turn.observation, turn.text, turn.action, turn.valid) for turn in found.turns] == [
        ("begin", "er", "", False),
        ("say it properly", "win", "win", True),
    ]
    assert found.success


@pytest.mark.parametrize("error", [asyncio.CancelledError("a pool was shut down"), SystemExit(3)])
def test_a_sample_that_another_cancels_or_that_exits_is_masked_and_in_the_accounts(error: BaseException) -> None:
    groups = play(Script(break_at=(4, 5, 6), error=error), Scripted(saying("win"), lanes=1), tasks=2, samples=3)
    assert [[t.status for t in group.trajectories] for group in groups] == [
        ["completed"] * 3,
        ["environment_error", "completed", "completed"],
    ]
    (tally,) = tallies(groups).values()
    assert (tally.samples, tally.episodes, tally.lost) == (6, 8, 1)


def test_a_rollout_that_is_cancelled_from_outside_ends_at_once() -> None:
    environment = Script()

    async def forever(*_: Any) -> Answer | None:
        await asyncio.sleep(60)
        return None

    async def cancelled() -> None:
        actor = Scripted(saying("win"))
        tasks = environment.tasks("train", "easy")
        playing = asyncio.create_task(collect({"script": environment}, actor, tasks, 1, seed=0))
        await asyncio.sleep(0.01)
        playing.cancel()
        await playing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Spoken, "answer", forever)
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(cancelled())
    assert environment.started == environment.closed == 3  # no episode is tried again


@pytest.mark.parametrize("place", ["start", "answer"])
def test_ctrl_c_is_no_failure_of_an_episode(place: str) -> None:
    environment = Script(break_at=(1,) if place == "start" else (), error=KeyboardInterrupt())
    act = saying("win") if place == "start" else lambda *_: _raise(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        play(environment, Scripted(act, lanes=1))
    assert environment.started == 1


def test_a_lane_that_ends_without_a_word_stops_the_run_instead_of_shrinking_its_sample() -> None:
    def hears(trajectory: Trajectory) -> None:
        if trajectory.sample == 1:
            raise asyncio.CancelledError

    with pytest.raises(RunError, match=r"^2 of 3 episodes were not played: .*cancelled their task"):
        play(Script(), Scripted(saying("win"), lanes=1), samples=3, on_episode=hears)


def test_what_was_played_counts_though_the_episode_and_its_voice_cannot_be_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = play(Script(), Scripted(saying("1", "win"), lanes=1), samples=3)[0].trajectories
    found = play(Script(stay_open=(2,)), Scripted(saying("1", "win"), lanes=1), samples=3)
    first, second, third = found[0].trajectories
    assert second.unclosed == "OSError: connection reset on close"
    assert (first, second.model_copy(update={"unclosed": None}), third) == sound
    assert ["unclosed" in t.model_dump() for t in found[0].trajectories] == [False, True, False]
    (tally,) = tallies(found).values()
    assert (tally.samples, tally.lost, tally.unclosed) == (3, 0, 1)
    monkeypatch.setattr(_Spoken, "close", lambda self: _raise(ConnectionError("the sampler is gone")))
    environment = Script(stay_open=(1,))
    (voiceless,) = play(environment, Scripted(saying("1", "win")))[0].trajectories
    assert (voiceless.status, voiceless.unclosed) == ("completed", "ConnectionError: the sampler is gone")
    assert environment.closed == 1


def test_an_error_for_a_person_stops_the_run_also_when_an_episode_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Spoken, "close", lambda self: _raise(RunError("64 calls still run")))
    environment = Script()
    with pytest.raises(RunError, match="64 calls still run"):
        play(environment, Scripted(saying("win"), lanes=1))


def test_an_episode_that_the_environment_fails_is_played_afresh() -> None:
    environment = Script(break_at=(1, 2))
    found = one(environment, saying("win"))
    assert (found.status, found.attempts, found.error, environment.started) == ("completed", 3, None, 3)


def test_after_the_last_attempt_the_sample_is_masked_with_its_reason() -> None:
    environment, actor = Script(break_at=(1, 2, 3)), Scripted(saying("win"), lanes=1)
    (group,) = play(environment, actor, samples=2)
    masked, sound = group.trajectories
    assert (masked.status, masked.attempts, masked.error) == (
        "environment_error",
        ATTEMPTS,
        "EpisodeError: the game crashed",
    )
    assert group.usable == (sound,)


@pytest.mark.parametrize(
    ("act", "status", "error"),
    [
        (saying("crash"), "environment_error", "ValueError: a bug in the game"),
        (lambda *_: _raise(EpisodeError("gone")), "environment_error", "EpisodeError: gone"),
        (lambda *_: _raise(RuntimeError("no memory")), "sampler_error", "RuntimeError: no memory"),
        (saying("nan"), "environment_error", "EpisodeError: the environment gave the reward nan, expected a finite"),
        (saying("inf"), "environment_error", "EpisodeError: the environment gave the reward inf, expected a finite"),
        (saying("wait"), "timeout", "TimeoutError: no answer in 30 s"),
        (lambda *_: _late(), "timeout", "EpisodeError: the server is gone"),
        (saying("cancel"), "environment_error", "CancelledError: the game's connection"),
        (saying("exit"), "environment_error", "SystemExit: 3"),
        (lambda *_: _raise(asyncio.CancelledError("a pool")), "sampler_error", "CancelledError: a pool"),
        (lambda *_: _raise(SystemExit(3)), "sampler_error", "SystemExit: 3"),
    ],
)
def test_when_every_episode_fails_the_run_ends_with_the_first_reason(act: Act, status: str, error: str) -> None:
    environment, actor = Script(), Scripted(act)
    with pytest.raises(RunError, match=rf"all 4 episodes failed .*script/easy/train/0, ended with {status}: {error}"):
        play(environment, actor, tasks=2, samples=2)
    assert environment.started == environment.closed == actor.closed == 4 * ATTEMPTS


def _late() -> Any:
    raise EpisodeError("the server is gone") from TimeoutError()


def _raise(error: BaseException) -> Any:
    raise error


def test_a_full_context_is_the_agents_own_end() -> None:
    found = one(Script(), lambda episode, turn, rng: _raise(ContextFull("full")) if turn == 2 else "1")
    assert (found.status, len(found.turns), found.masked, found.attempts) == ("context_overflow", 2, False, 1)


@pytest.mark.parametrize("place", ["start", "answer"])
def test_an_error_for_a_person_stops_the_run_as_it_is(place: str) -> None:
    error = RftError("read me")
    environment = Script(break_at=(1,), error=error) if place == "start" else Script()
    act = saying("win") if place == "start" else lambda *_: _raise(error)
    with pytest.raises(RftError) as caught:
        play(environment, Scripted(act), tasks=3, samples=2)
    assert caught.value is error


def test_groups_come_in_the_order_of_the_tasks_and_every_episode_is_told_once() -> None:
    told: list[Trajectory] = []
    groups = play(Script(), Scripted(saying("1", "end")), tasks=4, samples=3, on_episode=told.append)
    assert [group.task.seed for group in groups] == [0, 1, 2, 3]
    assert [[t.sample for t in group.trajectories] for group in groups] == [[0, 1, 2]] * 4
    assert sorted((t.task.seed, t.sample) for t in told) == [(task, s) for task in range(4) for s in range(3)]


def test_chance_follows_from_seed_task_and_sample_and_not_from_the_company() -> None:
    def act(episode: Episode, turn: int, rng: random.Random) -> str:
        return rng.choice(["end", "1", "2", "3"])

    def texts(lanes: int, seed: int) -> list[list[str]]:
        groups = play(Script(), Scripted(act, lanes), tasks=4, samples=3, seed=seed)
        return [[turn.text for turn in t.turns] for group in groups for t in group.trajectories]

    assert texts(1, 0) == texts(5, 0)
    assert texts(1, 0) != texts(1, 1)


def test_without_tasks_there_is_nothing_to_play() -> None:
    assert play(Script(), Scripted(saying("1")), tasks=0) == []


def test_the_versions_of_tokens_are_written_down_only_where_there_are_several() -> None:
    turn = Turn(observation="o", text="t", action="a", reward=0.0, valid=True, token_ids=(4, 5), version=3)
    assert "versions" not in turn.model_dump()
    mixed = turn.model_copy(update={"versions": (2, 3)})
    assert Turn.model_validate_json(mixed.model_dump_json()).versions == (2, 3)


def test_who_played_in_a_job_is_closed_when_it_ends_even_by_an_error() -> None:
    closed: list[str] = []

    @experiment._with_peers
    def job(payload: dict[str, Any], report: Any) -> dict[str, Any]:
        experiment._open.callback(closed.append, payload["name"])
        if payload["fails"]:
            raise RunError("no room")
        return payload

    job({"name": "first", "fails": False}, None)
    with pytest.raises(RunError, match="no room"):
        job({"name": "second", "fails": True}, None)
    assert closed == ["first", "second"]
