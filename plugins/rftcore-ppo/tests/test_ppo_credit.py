"""PPO's credit: hand-computed advantages and targets over turns and tokens, the penalty, its controller, refusals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from rftcore.errors import ConfigError
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Credit, Group, Status, Trajectory, Turn
from rftcore_ppo.algorithm import PPO
from rftcore_ppo.controller import adapted

TASK = Task(environment="toy", id="toy/easy/train/0", split="train", difficulty="easy", seed=0)


def turn(reward: float, *logprobs: float) -> Turn:
    ids = tuple(range(len(logprobs)))
    return Turn(observation="o", text="a", action="a", reward=reward, valid=True, token_ids=ids, logprobs=logprobs)


def trajectory(turns: Sequence[Turn], ret: float | None = None, status: Status = "completed") -> Trajectory:
    whole = sum(turn.reward for turn in turns) if ret is None else ret
    return Trajectory(task=TASK, sample=0, turns=tuple(turns), status=status, ret=whole, success=whole > 0.5)


def group(*played: Trajectory) -> Group:
    return Group(task=TASK, trajectories=played)


TWO = trajectory([turn(0.25, -1.0, -2.0), turn(1.0, -0.5)])
VALUES = [[[[0.5, 0.125], [0.75]]]]
"""Of its two answers: two tokens and one."""


def only(credits: list[list[Credit | None]]) -> Credit:
    ((credit,),) = credits
    assert credit is not None
    return credit


def test_a_turn_is_one_step_valued_before_its_first_token() -> None:
    credit = only(PPO(discount=0.5, gae_lambda=0.5, normalize_advantages=False).credit([group(TWO)], values=VALUES))
    # D = 0.25 + 0.75 / 2 - 0.5 = 0.125 and 1 - 0.75 = 0.25; A = 0.125 + 0.25 / 4 = 0.1875 and 0.25.
    assert credit.turns == (0.1875, 0.25)
    assert credit.tokens is None
    assert credit.returns == ((0.6875,), (1.0,))


def test_over_tokens_the_last_of_an_answer_leads_to_the_first_of_the_next() -> None:
    algorithm = PPO(level="token", discount=0.5, gae_lambda=0.5, normalize_advantages=False)
    credit = only(algorithm.credit([group(TWO)], values=VALUES))
    # D = 0 + 0.125 / 2 - 0.5 = -0.4375; 0.25 + 0.75 / 2 - 0.125 = 0.5; 0.25. A from the end: 0.25, 0.5625, -0.296875.
    assert credit.tokens == ((-0.296875, 0.5625), (0.25,))
    assert credit.returns == ((0.203125, 0.6875), (1.0,))


@pytest.mark.parametrize("status", ["completed", "truncated", "context_overflow"])
def test_nothing_is_expected_after_the_last_turn_however_it_ended(status: Status) -> None:
    played = trajectory([turn(0.0, -1.0)], status=status)
    credit = only(PPO(normalize_advantages=False).credit([group(played)], values=[[[[0.75]]]]))
    assert credit == Credit(turns=(-0.75,), returns=((0.0,),))


def test_advantages_are_normalized_over_the_steps_of_the_batch_and_targets_are_not() -> None:
    one, two = trajectory([turn(1.0, -1.0)]), trajectory([turn(0.0, -1.0), turn(0.0, -1.0)])
    ((first,), (second,)) = PPO(gae_lambda=1.0).credit([group(one), group(two)], values=[[[[0.0]]], [[[0.5], [0.25]]]])
    # Advantages 1, -0.5 and -0.25: mean 1/12, squares 1 + 1/4 + 1/16, variance (21/16 - 3/144) / 2.
    divisor = math.sqrt((21 / 16 - 1 / 48) / 2) + 1e-4
    assert first is not None and second is not None
    assert first.turns == pytest.approx([(1 - 1 / 12) / divisor])
    assert second.turns == pytest.approx([(-0.5 - 1 / 12) / divisor, (-0.25 - 1 / 12) / divisor])
    assert (first.returns, second.returns) == (((1.0,),), ((0.0,), (0.0,)))


def test_a_batch_without_variance_still_teaches_the_critic() -> None:
    played = group(trajectory([turn(1.0, -1.0)]), trajectory([turn(1.0, -1.0)]))
    (credits,) = PPO().credit([played], values=[[[[0.25]], [[0.25]]]])
    assert credits == [Credit(turns=(0.0,), returns=((1.0,),))] * 2


def test_the_outcome_is_a_reward_of_the_last_turn() -> None:
    algorithm = PPO(rewards="outcome", gae_lambda=0.0, normalize_advantages=False)
    played = trajectory([turn(0.5, -1.0), turn(0.75, -1.0)], ret=0.75)
    assert only(algorithm.credit([group(played)], values=[[[[0.5], [0.25]]]])).turns == (-0.25, 0.5)


def test_rewards_that_are_no_parts_of_the_return_are_refused() -> None:
    played = trajectory([turn(0.5, -1.0), turn(0.75, -1.0)], ret=0.75)
    with pytest.raises(ConfigError, match=r"add up to 1\.25, and a return of 0\.75.*algorithm\.rewards to 'outcome'"):
        PPO().credit([group(played)], values=[[[[0.5], [0.25]]]])


REFERENCE = [[[[-1.5, -2.0], [-1.5]]]]
"""Of TWO: divergences 0.5, 0 and 1."""


@pytest.mark.parametrize(
    ("level", "advantages"),
    # At lambda 1 with values of 0, an advantage is what the rewards from here on add up to.
    [("turn", [0.25 - 0.05 + 1 - 0.1, 1 - 0.1]), ("token", [0.25 - 0.05 + 1 - 0.1, 0.25 + 1 - 0.1, 1 - 0.1])],
)
def test_the_penalty_is_taken_off_the_reward_where_it_arises(level: str, advantages: list[float]) -> None:
    algorithm = PPO(level=level, kl=0.1, gae_lambda=1.0, normalize_advantages=False)
    zeros = [[[[0.0, 0.0], [0.0]]]]
    credit = only(algorithm.credit([group(TWO)], values=zeros, reference=REFERENCE))
    found = credit.turns if credit.tokens is None else [value for own in credit.tokens for value in own]
    assert found == pytest.approx(advantages)


def test_the_controller_follows_the_relative_error_within_its_limit() -> None:
    assert adapted(0.5, divergence=6.6, target=6.0) == pytest.approx(0.5 * 1.01)
    assert adapted(0.5, divergence=60.0, target=6.0) == pytest.approx(0.5 * 1.02)
    assert adapted(0.5, divergence=-1.0, target=6.0) == pytest.approx(0.5 * 0.98)
    assert adapted(0.5, divergence=6.0, target=6.0) == 0.5


def test_an_adaptive_penalty_charges_the_old_price_and_keeps_the_new_one() -> None:
    algorithm = PPO(kl=0.1, kl_target=1.0, gae_lambda=1.0, normalize_advantages=False)
    zeros = [[[[0.0, 0.0], [0.0]]]]
    first = only(algorithm.credit([group(TWO)], values=zeros, reference=REFERENCE))
    # The divergence of the trajectory is 1.5 nats: its relative error of 0.5 counts as 0.2.
    assert algorithm.state() == {"kl_coefficient": pytest.approx(0.102)}
    second = only(algorithm.credit([group(TWO)], values=zeros, reference=REFERENCE))
    assert (first.turns[-1], second.turns[-1]) == pytest.approx((0.9, 1 - 0.102))
    resumed = PPO(kl=0.1, kl_target=1.0)
    resumed.restore(algorithm.state())
    assert resumed.state() == algorithm.state()
    assert PPO(kl=0.1).state() == {}


def test_spoiled_and_silent_trajectories_have_no_part() -> None:
    played = group(trajectory([turn(0.0, -1.0)], status="timeout"), trajectory([], 0.0, "context_overflow"), TWO, TWO)
    values = [[[], *VALUES[0], *VALUES[0]]]
    (credits,) = PPO(normalize_advantages=False).credit([played], values=values)
    assert credits[0] is None
    assert credits[1] == credits[2] is not None
    assert PPO().credit([], values=[]) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "found no values; expected those of a critic"),
        ([[[[0.5], [0.75]]]], r"found values of \[1, 1\] tokens by turn for task 'toy/easy/train/0'"),
        ([[[[0.5, 0.1]]]], r"expected one for each sampled token, \[2, 1\]"),
        ([[[[math.nan, 0.1], [0.0]]]], "found a value of nan"),
    ],
)
def test_values_that_are_missing_or_do_not_fit_are_refused(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PPO().credit([group(TWO)], values=values)


def test_a_turn_without_sampled_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match=r"values of \[0\] tokens by turn"):
        PPO().credit([group(trajectory([turn(0.0)]))], values=[[[[]]]])


def test_a_penalty_without_reference_logprobs_is_refused() -> None:
    assert PPO(kl=0.1).reference_weight() == 0.1
    with pytest.raises(ValueError, match="found a kl above 0 but no reference logprobs"):
        PPO(kl=0.1).credit([group(TWO)], values=VALUES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "step"}, "'turn' or 'token'"),
        ({"gae_lambda": 1.5}, "less than or equal to 1"),
        ({"kl_target": 6.0}, "a kl above 0 where kl_target is set"),
        ({"critic": {"model": "start", "rate": 1}}, "Extra inputs are not permitted"),
        ({"critic": {"learning_rate": 0.0}}, "greater than 0"),
        ({"value_weight": 0.0}, "greater than 0"),
        ({"lambda": 0.9}, "Extra inputs are not permitted"),
    ],
)
def test_unknown_and_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PPO(**options)
