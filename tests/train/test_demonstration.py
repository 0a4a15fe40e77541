"""Demonstrations in the model's tokens: what is trained is what the environment was told, in the model's context."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence
from typing import Any

import pytest

from rftcore.conversation import History
from rftcore.environment import Episode, Step
from rftcore.errors import ConfigError
from rftcore.formats import Plain, PromptFormat, ReAct
from rftcore.rollout import ModelActor, collect
from rftcore.sampler import Completion, Request, Sampler
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Credit, Trajectory
from rftcore.train.demonstration import Demonstrator, Show, expert
from rftcore.train.rows import build_rows
from tests.train.conftest import Letters, Talk


class Tutor(Talk):
    """Talk with an expert that says the first three letters of what it sees, and chance that says z."""

    def start(self, task: Task) -> Episode:
        return _Tutored(super().start(task))


class _Tutored(Episode):
    def __init__(self, inner: Episode) -> None:
        self._inner, self.observation = inner, inner.observation

    def step(self, action: str) -> Step:
        step = self._inner.step(action)
        self.observation = step.observation
        return step

    def expert_action(self) -> str:
        return self.observation.replace(" ", "")[:3] or "a"

    def random_action(self, rng: random.Random) -> str:
        return "z"


class Mute(Sampler):
    """Has the limits of a model, and is never asked."""

    name = "mute"

    def __init__(self, max_context: int) -> None:
        self.max_context = max_context

    async def sample(self, request: Request) -> Completion:
        raise AssertionError(request)

    def release(self, conversation: int) -> None:
        raise AssertionError(conversation)

    def sync(self, source: object, version: int) -> None:
        raise AssertionError(version)


def demonstrated(
    show: Show,
    *,
    form: PromptFormat | None = None,
    samples: int = 1,
    seed: int = 0,
    max_context: int = 256,
    **limits: Any,
) -> list[Trajectory]:
    world, sampler = Tutor(), Mute(max_context=max_context)
    model = ModelActor(sampler, Letters(), form or Plain(), lanes=8, **{"max_new_tokens": 24, **limits})
    actor = Demonstrator(show, model)
    groups = asyncio.run(collect({"talk": world}, actor, world.tasks("train", "easy"), samples, seed=seed))
    return [trajectory for group in groups for trajectory in group.trajectories]


def rows_of(trajectory: Trajectory) -> Any:
    return build_rows(trajectory, Credit(turns=(1.0,) * len(trajectory.turns)))


@pytest.mark.parametrize("form", [Plain(), ReAct()])
def test_positions_of_a_row_are_the_demonstrated_answers_and_nothing_else(form: PromptFormat) -> None:
    letters = Letters()
    for trajectory in demonstrated(expert(form, 0.0), form=form):
        (row,), drift = rows_of(trajectory)
        assert drift == 0
        answers = [token for turn in trajectory.turns for token in letters.encode_answer(turn.text)]
        assert [row.ids[position] for position in row.positions] == answers
        context = letters.first(form.system(""), trajectory.turns[0].observation)
        for number, turn in enumerate(trajectory.turns):
            context += letters.next(turn.observation, True) if number else []
            context += letters.encode_answer(turn.text)
        assert row.ids == context
        assert row.advantages == [1.0] * len(answers)
        assert all(map(math.isnan, row.old_logprobs))


def test_the_environment_gets_what_the_tokens_say() -> None:
    def shouted(*_: object) -> str:
        return "Ab!c"  # Letters has neither capitals nor the mark

    for trajectory in demonstrated(shouted):
        assert {(turn.text, turn.action) for turn in trajectory.turns} == {("abc", "abc")}


def test_an_answer_without_an_action_gets_the_reminder_as_the_models_would() -> None:
    form = ReAct()
    first, *_ = demonstrated(lambda *_: "no idea", form=form, max_context=1000)
    assert len(first.turns) == 6  # the environment never hears of it, so only the limit ends the episode
    assert first.turns[1].observation == form.reminder
    assert not first.turns[0].valid


def test_a_windowed_history_forks_rows_without_drift() -> None:
    played = demonstrated(expert(Plain(), 0.0), history=History(name="window", turns=2))
    longest = max(played, key=lambda trajectory: len(trajectory.turns))
    rows, drift = rows_of(longest)
    assert drift == 0
    assert len(rows) > 1
    assert sum(len(row.positions) for row in rows) == sum(len(turn.token_ids) for turn in longest.turns)


def test_noise_is_the_share_of_random_actions_and_follows_from_the_seed() -> None:
    def actions(noise: float, seed: int = 0) -> list[str]:
        played = demonstrated(expert(Plain(), noise), samples=40, seed=seed)
        return [turn.action for trajectory in played for turn in trajectory.turns]

    assert "z" not in actions(0.0)
    assert set(actions(1.0)) == {"z"}
    some = actions(0.25)
    share = some.count("z") / len(some)
    assert abs(share - 0.25) < 4 * math.sqrt(0.25 * 0.75 / len(some))
    assert actions(0.25) == some
    assert actions(0.25, seed=1) != some


def test_an_answer_that_the_policy_could_never_finish_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"max_new_tokens: found 3, expected at least 4: task 'talk/easy/train/\d'"):
        demonstrated(expert(Plain(), 0.0), max_new_tokens=3)


def test_a_demonstration_beyond_the_models_context_ends_before_it() -> None:
    whole = max(demonstrated(expert(Plain(), 0.0)), key=lambda trajectory: len(trajectory.turns))
    size = len(rows_of(whole)[0][0].ids)

    def again(limit: int) -> Trajectory:
        played: Sequence[Trajectory] = demonstrated(expert(Plain(), 0.0), max_context=limit)
        return next(each for each in played if each.task.id == whole.task.id)

    assert again(size) == whole
    cut = again(size - 1)
    assert cut.status == "context_overflow"
    assert cut.turns == whole.turns[:-1]
