"""Oracle and random: the ceiling and the floor ask the episode, and nothing else."""

from __future__ import annotations

import asyncio
import random

import pytest

from rftcore.environment import Episode, Step
from rftcore.errors import EpisodeError
from rftcore.policies.oracle import Oracle
from rftcore.policies.random import Random
from rftcore.schemas.task import Task

TASK = Task(environment="counting", id="counting/easy/test/3", split="test", difficulty="easy", seed=3)


class Counting(Episode):
    """Count down from three by saying `down`."""

    def __init__(self) -> None:
        self.left = 3
        self.observation = "3"

    def step(self, action: str) -> Step:
        self.left -= action == "down"
        self.observation = str(self.left)
        return Step(self.observation, float(self.left == 0), self.left == 0, success=self.left == 0)

    def available_actions(self) -> tuple[str, ...]:
        return ("down", "wait", "shout")

    def expert_action(self) -> str | None:
        return "down" if self.left else None


class Silent(Counting):
    def available_actions(self) -> tuple[str, ...]:
        return ()


def test_the_oracle_plays_the_expert_and_gives_up_where_the_expert_does() -> None:
    episode, oracle = Counting(), Oracle()
    actions = []
    for turn in range(4):
        action = asyncio.run(oracle.act(TASK, episode, turn, 0, random.Random(0)))
        actions.append(action)
        if action is not None:
            episode.step(action)
    assert actions == ["down", "down", "down", None]


def test_the_oracle_draws_nothing_from_the_random_stream() -> None:
    rng = random.Random(5)
    asyncio.run(Oracle().act(TASK, Counting(), 0, 0, rng))
    assert rng.getstate() == random.Random(5).getstate()


def test_random_actions_follow_from_the_episodes_stream_alone() -> None:
    def play(seed: int) -> list[str | None]:
        rng = random.Random(seed)
        return [asyncio.run(Random().act(TASK, Counting(), turn, 0, rng)) for turn in range(30)]

    assert play(1) == play(1)
    assert play(1) != play(2)
    assert set(play(1)) == {"down", "wait", "shout"}


def test_random_says_so_when_there_is_nothing_to_draw_from() -> None:
    with pytest.raises(EpisodeError, match="override random_action"):
        asyncio.run(Random().act(TASK, Silent(), 0, 0, random.Random(0)))


def test_the_names_are_those_of_the_tables() -> None:
    assert (Oracle.name, Random.name) == ("oracle", "random")
