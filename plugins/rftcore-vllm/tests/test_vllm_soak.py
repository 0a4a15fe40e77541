"""The short form of the soak: 256 episodes at once over the contract server, and that its judge can say no."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from soak import TURNS, Counting, faults, grown, play

from rftcore.schemas.trajectory import Group
from rftcore_vllm.sampler import VllmServerSampler

EPISODES, TOKENS = 256, 1


def test_of_256_episodes_at_once_no_turn_is_lost_or_taken_twice_and_nothing_is_kept(
    build: Callable[..., Any], serve: Callable[..., Any]
) -> None:
    model, world = build(), Counting(EPISODES)
    server = serve(model)
    sampler = VllmServerSampler(urls=(server.url,), model=model, timeout=60.0)
    server.answered.clear()
    groups = play(sampler, world, lanes=EPISODES, tokens=TOKENS)
    assert faults(groups, world, TOKENS) == []
    assert len({tuple(answer.context) for answer in server.answered}) == len(server.answered) == EPISODES * TURNS
    asyncio.run(sampler.close())
    assert not len(sampler._contexts)
    assert not sampler._answering._fleet._homes


@pytest.fixture(scope="module")
def played(build: Callable[..., Any]) -> tuple[list[Group], Counting]:
    """A sound round of two episodes, over core's own sampler."""
    from rftcore.train.sampler import HFSampler

    world = Counting(2)
    return play(HFSampler(model=build(), max_context=512), world, lanes=2, tokens=TOKENS), world


def changed(groups: list[Group], number: int, **changes: Any) -> list[Group]:
    """Return the groups with turn `number` of the first trajectory changed."""
    (trajectory,) = groups[0].trajectories
    turns = list(trajectory.turns)
    turns[number] = turns[number].model_copy(update=changes)
    return _with(groups, turns=tuple(turns))


def _with(groups: list[Group], **changes: Any) -> list[Group]:
    (trajectory,) = groups[0].trajectories
    return [groups[0].model_copy(update={"trajectories": (trajectory.model_copy(update=changes),)}), *groups[1:]]


def test_the_judge_finds_a_lost_turn_a_doubled_one_and_another_context(played: tuple[list[Group], Counting]) -> None:
    groups, world = played
    assert faults(groups, world, TOKENS) == []
    (first,) = groups[0].trajectories
    lost = faults(_with(groups, turns=first.turns[:-1]), world, TOKENS)
    assert lost == ["counting/0: 7 turns are recorded, the environment saw [8]"]
    doubled = faults(_with(groups, turns=(first.turns[0], *first.turns)), world, TOKENS)
    assert doubled[0] == "counting/0: 9 turns are recorded, the environment saw [8]"
    assert faults(changed(groups, 3, checksum=1), world, TOKENS) == [
        "counting/0: turn 3 was answered in another context than it is recorded in"
    ]
    retried = faults(_with(groups, attempts=2), world, TOKENS)
    assert retried == ["counting/0: completed at attempt 2: None"]


def test_memory_that_grows_is_told_from_one_that_warms_up() -> None:
    assert grown([100.0] * 7) is None
    assert grown([50.0, 90.0, *[100.0] * 6]) == 0.0
    assert grown([100.0 + 10 * round for round in range(8)]) == pytest.approx(165 / 125 - 1)
