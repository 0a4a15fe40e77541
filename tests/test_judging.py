"""A judge is asked about many trajectories at once, and what it does not answer stays unlabelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rftcore.errors import ConfigError, RunError
from rftcore.judging import Judgement, ask, judge_examples, opened, rubric_of
from rftcore.policy import BudgetSpent, ChatPolicy, Message, Prompt, Spending
from rftcore.rubric import Example, Rubric, agreement
from rftcore.sampler import ContextFull
from rftcore.schemas.config import Component, PolicyComponent
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Trajectory


class Letters(Rubric):
    """The answer is the letters that hold, of a and b."""

    labels: Sequence[str] = ("a", "b")

    def by_rules(self, trajectory: Trajectory) -> frozenset[str]:
        return frozenset("a")

    def question(self, trajectory: Trajectory) -> tuple[Message, ...] | None:
        return None if trajectory.success else ({"role": "user", "content": trajectory.task.id},)

    def read(self, answer: str) -> frozenset[str] | None:
        return frozenset(answer) if set(answer) <= set(self.labels) else None

    def examples(self) -> Sequence[Example]:
        return []


class Scripted(ChatPolicy):
    """Does with each question, which is a number, what it was told."""

    name = "scripted"

    def __init__(self, *told: str | Exception, lanes: int = 2) -> None:
        super().__init__()
        self.told, self._lanes = told, lanes
        self.now = self.most = self.closed = 0
        self.asked: list[str] = []

    @property
    def lanes(self) -> int:
        return self._lanes

    def open(self, place: Path) -> None:
        pass

    async def reply(self, prompt: Prompt) -> str:
        number = prompt.messages[0]["content"]
        self.asked.append(number)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001 * (9 - int(number)))  # the first answer last
        self.now -= 1
        told = self.told[int(number)]
        if isinstance(told, Exception):
            raise told
        return told

    @property
    def spending(self) -> Spending:
        return Spending(len(self.asked), 0, 0, None)

    async def close(self) -> None:
        self.closed += 1


def episodes(count: int, success: Callable[[int], bool] = lambda number: False) -> list[Trajectory]:
    return [
        Trajectory(
            task=Task(environment="house", id=str(number), split="test", difficulty="easy", seed=number),
            sample=0,
            turns=(),
            status="completed",
            ret=0,
            success=success(number),
        )
        for number in range(count)
    ]


def test_judgements_stand_in_the_order_of_the_trajectories_however_late_they_come() -> None:
    judge = Scripted("a", "b", "ab", "", lanes=3)
    told: list[tuple[float, float, str]] = []
    labels = [found.labels for found in ask(judge, Letters(), episodes(4), lambda *steps: told.append(steps))]
    assert told == [(1, 4, ""), (2, 4, ""), (3, 4, ""), (4, 4, "")]
    assert labels == [{"a"}, {"b"}, {"a", "b"}, frozenset()]
    assert (judge.most, judge.closed) == (3, 1)


def test_what_is_not_answered_or_in_another_form_is_unlabelled_with_its_reason() -> None:
    judge = Scripted("a", "I am not sure", BudgetSpent("spent"), ContextFull("long"), OSError("gone"))
    assert ask(judge, Letters(), episodes(5)) == [
        Judgement(frozenset("a")),
        Judgement(None, "an answer of another form"),
        Judgement(None, "the budget is spent"),
        Judgement(None, "too long for the judge"),
        Judgement(None, "no answer"),
    ]


def test_an_error_that_no_other_try_mends_stops_all() -> None:
    judge = Scripted(RunError("status 401: no key"), *["a"] * 7, lanes=1)
    with pytest.raises(RunError, match="status 401"):
        ask(judge, Letters(), episodes(8))
    assert (judge.asked, judge.closed) == (["0"], 1)


def test_what_there_is_nothing_to_ask_about_costs_nothing() -> None:
    judge = Scripted("a", "a")
    assert [found.labels for found in ask(judge, Letters(), episodes(2, success=bool))] == [{"a"}, frozenset()]
    assert judge.asked == ["0"]


def test_agreement_is_counted_by_hand() -> None:
    pairs = [(frozenset("a"), frozenset("ab")), (frozenset("ab"), frozenset("a")), (frozenset(), frozenset("b"))]
    a, b, c = agreement("abc", pairs)
    assert (a.held, a.found, a.both, a.precision, a.recall) == (2, 2, 2, 1.0, 1.0)
    assert (b.held, b.found, b.both, b.precision, b.recall) == (1, 2, 0, 0.0, 0.0)
    assert (c.precision, c.recall) == (None, None)


def test_a_policy_that_does_not_chat_is_refused_and_those_that_do_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="found 'random', which answers no question, expected a policy that chats: openai"
    ):
        opened(PolicyComponent(name="random"), tmp_path)
    without = PolicyComponent(name="openai", options={"model": "m", "key_variable": "RFTCORE_NO_KEY"})
    with pytest.raises(ConfigError, match="found nothing in the environment variable RFTCORE_NO_KEY"):
        judge_examples(without, Letters(), tmp_path)


def test_metrics_of_which_none_labels_are_refused() -> None:
    assert rubric_of([Component(name="generalization")]).labels
    with pytest.raises(ConfigError, match="none of them"):
        rubric_of([])
