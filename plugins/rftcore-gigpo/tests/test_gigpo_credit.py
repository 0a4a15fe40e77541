"""GiGPO's credit: hand-computed advantages of turns, what counts as one state, what is left out, what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rftcore.errors import ConfigError
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Status, Trajectory, Turn
from rftcore_gigpo.algorithm import GiGPO
from rftcore_gigpo.states import same_states

TASK = Task(environment="toy", id="toy/easy/train/0", split="train", difficulty="easy", seed=0)


def trajectory(walk: str, ret: float, status: Status = "completed", rewards: tuple[float, ...] = ()) -> Trajectory:
    """A walk such as "a1 b2": in state a the action 1, in state b the action 2. Only the last turn is rewarded."""
    steps = walk.split()
    each = rewards or (0.0,) * (len(steps) - 1) + (ret,) * min(len(steps), 1)
    turns = tuple(
        Turn(observation=step[0], text=step[1], action=step[1], reward=reward, valid=True)
        for step, reward in zip(steps, each, strict=True)
    )
    return Trajectory(task=TASK, sample=0, turns=turns, status=status, ret=ret, success=ret > 0.5)


def group(*trajectories: Trajectory) -> Group:
    return Group(task=TASK, trajectories=trajectories)


def turns_of(algorithm: GiGPO, *trajectories: Trajectory) -> list[tuple[float, ...] | None]:
    (credits,) = algorithm.credit([group(*trajectories)])
    return [None if credit is None else credit.turns for credit in credits]


def test_a_turn_is_credited_with_its_trajectory_and_with_what_it_led_to_from_its_state() -> None:
    algorithm = GiGPO(discount=0.5, scale="none")
    found = turns_of(algorithm, trajectory("a1 b1", 1.0), trajectory("a2 a1 b2", 0.0), trajectory("a1 c1", 0.0))
    # Returns to go: 0.5 and 1; 0, 0 and 0; 0 and 0. Trajectories: mean 1/3, so 2/3, -1/3, -1/3.
    # State a: 0.5, 0, 0, 0, so 0.375 and -0.125; state b: 1 and 0, so 0.5 and -0.5; state c is alone.
    assert found == [
        pytest.approx((2 / 3 + 0.375, 2 / 3 + 0.5)),
        pytest.approx((-1 / 3 - 0.125, -1 / 3 - 0.125, -1 / 3 - 0.5)),
        pytest.approx((-1 / 3 - 0.125, -1 / 3)),
    ]


def test_both_kinds_of_advantage_are_divided_by_the_deviation_of_their_own_group() -> None:
    found = turns_of(GiGPO(discount=0.5), trajectory("a1 b1", 1.0), trajectory("a2 c1", 0.0))
    # Returns 1 and 0 deviate by sqrt(1/2); in state a 0.5 and 0 do by half of that. b and c are alone.
    whole, step = 0.5 / (math.sqrt(0.5) + 1e-4), 0.25 / (math.sqrt(0.5) / 2 + 1e-4)
    assert found == [pytest.approx((whole + step, whole)), pytest.approx((-whole - step, -whole))]


def test_the_step_weight_scales_the_turns_part_alone() -> None:
    played = trajectory("a1 b1", 1.0), trajectory("a2 c1", 0.0)
    assert turns_of(GiGPO(step_weight=0.0, scale="none"), *played) == [(0.5, 0.5), (-0.5, -0.5)]
    # In state a 0.95 and 0: 0.475 away from their mean.
    assert turns_of(GiGPO(step_weight=2.0, scale="none"), *played) == [
        pytest.approx((0.5 + 0.95, 0.5)),
        pytest.approx((-0.5 - 0.95, -0.5)),
    ]


def test_each_turns_own_reward_counts_from_it_on() -> None:
    algorithm = GiGPO(discount=0.5, scale="none")
    found = turns_of(
        algorithm, trajectory("a1 b1", 2.0, rewards=(1.0, 1.0)), trajectory("a2 b2", 2.0, rewards=(0.0, 2.0))
    )
    # Returns are equal. To go from a: 1.5 and 1; from b: 1 and 2.
    assert found == [pytest.approx((0.25, -0.5)), pytest.approx((-0.25, 0.5))]


def test_an_outcome_is_a_reward_of_the_last_turn() -> None:
    algorithm = GiGPO(discount=0.5, scale="none", rewards="outcome")
    scores = trajectory("a1 b1", 2.0, rewards=(1.0, 2.0)), trajectory("a2 b2", 0.0, rewards=(1.0, 0.0))
    assert turns_of(algorithm, *scores) == [pytest.approx((1.5, 2.0)), pytest.approx((-1.5, -2.0))]


def test_rewards_that_are_no_parts_of_the_return_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"add up to 3\.0, and a return of 2\.0; .*algorithm\.rewards to 'outcome'"):
        turns_of(GiGPO(), trajectory("a1 b1", 2.0, rewards=(1.0, 2.0)), trajectory("a1", 0.0))


def test_a_group_that_always_succeeds_prefers_the_shorter_way() -> None:
    short, long = turns_of(GiGPO(), trajectory("a1 b1", 1.0), trajectory("a2 c1 b1", 1.0))
    assert short is not None
    assert long is not None
    assert short[0] > 0 > long[0]
    assert short[1] == long[1] == long[2] == 0.0


def test_a_group_without_any_advantage_is_left_out() -> None:
    assert turns_of(GiGPO(), trajectory("a1 b1", 0.0), trajectory("a2", 0.0)) == [None, None]
    assert turns_of(GiGPO(), trajectory("a1 b1", 1.0), trajectory("a2 c1", 1.0)) == [None, None]


def test_masked_trajectories_count_nowhere() -> None:
    good, bad = trajectory("a1 b1", 1.0), trajectory("a2 b2", 0.0)
    assert turns_of(GiGPO(), good, trajectory("a3 b3", 9.0, "timeout"), bad) == turns_of(GiGPO(), good, bad)
    assert turns_of(GiGPO(), good, trajectory("a3", 0.0, "timeout")) == [None]


def test_a_trajectory_without_turns_counts_in_the_mean_and_is_left_out() -> None:
    found = turns_of(GiGPO(scale="none"), trajectory("a1", 1.0), trajectory("", 0.0, "context_overflow"))
    assert found == [(0.5,), None]


def test_a_group_planned_with_one_trajectory_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a group of 1 for task 'toy/easy/train/0'.*raise training\.samples"):
        turns_of(GiGPO(), trajectory("a1", 1.0))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_returns_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"found a return of {value}"):
        turns_of(GiGPO(rewards="outcome"), trajectory("a1", value), trajectory("a1", 0.0))


def test_states_are_the_same_text_whatever_its_white_space() -> None:
    def seen(text: str) -> Trajectory:
        turn = Turn(observation=text, text="", action="", reward=0.0, valid=True)
        return Trajectory(task=TASK, sample=0, turns=(turn,), status="completed", ret=0.0, success=False)

    texts = ["a box\n\n  is here", " a box is here ", "A box is here", "a box is  here"]
    assert same_states([seen(text) for text in texts], "observation") == [[(0, 0), (1, 0), (3, 0)], [(2, 0)]]


def test_states_with_their_history_part_where_the_actions_do() -> None:
    played = [trajectory("a1 b1 a1", 0.0), trajectory("a1 b2 a1", 0.0), trajectory("a2 b1", 0.0)]
    assert same_states(played, "history") == [
        [(0, 0), (1, 0), (2, 0)],
        [(0, 1), (1, 1)],
        [(0, 2)],
        [(1, 2)],
        [(2, 1)],
    ]
    assert same_states(played, "observation") == [
        [(0, 0), (0, 2), (1, 0), (1, 2), (2, 0)],
        [(0, 1), (1, 1), (2, 1)],
    ]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a1", "a2", "b1", "c2"]), min_size=1, max_size=5), st.sampled_from([0.0, 1.0])
        ),
        min_size=2,
        max_size=5,
    ),
    st.sampled_from(["observation", "history"]),
    st.sampled_from(["group", "none"]),
)
def test_every_turn_is_in_one_state_and_the_parts_of_a_state_cancel(
    walks: list[tuple[list[str], float]], state: str, scale: str
) -> None:
    played = [trajectory(" ".join(walk), ret) for walk, ret in walks]
    states = same_states(played, state)
    assert sorted(place for places in states for place in places) == [
        (number, index) for number, (walk, _) in enumerate(walks) for index in range(len(walk))
    ]
    both, whole = (GiGPO(state=state, scale=scale, step_weight=weight) for weight in (1.0, 0.0))
    found, plain = turns_of(both, *played), turns_of(whole, *played)
    if None in found:
        return
    for places in states:
        steps = [found[n][i] - (plain[n][i] if plain[n] else 0.0) for n, i in places]
        assert math.fsum(steps) == pytest.approx(0.0, abs=1e-6)


def test_defaults_are_those_of_the_paper_but_for_the_penalty() -> None:
    assert GiGPO().config.model_dump() == {
        "state": "observation",
        "step_weight": 1.0,
        "discount": 0.95,
        "rewards": "each",
        "scale": "group",
        "clip_low": 0.2,
        "clip_high": 0.2,
        "kl": 0.0,
    }
    assert GiGPO(kl=0.01).reference_weight() == 0.01
    assert GiGPO().reference_weight() == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state": "page"}, "'observation' or 'history'"),
        ({"scale": "batch"}, "'group' or 'none'"),
        ({"rewards": "sum"}, "'each' or 'outcome'"),
        ({"discount": 0.0}, "greater than 0"),
        ({"discount": 1.1}, "less than or equal to 1"),
        ({"step_weight": -1.0}, "greater than or equal to 0"),
        ({"omega": 1.0}, "Extra inputs are not permitted"),
    ],
)
def test_unknown_and_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GiGPO(**options)


def test_credit_needs_no_torch() -> None:
    check = "import sys, rftcore_gigpo.algorithm; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
