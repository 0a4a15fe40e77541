"""The three credits: hand-computed advantages, penalties inside the reward, what is left out, what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from rftcore.algorithm import Algorithm
from rftcore.errors import ConfigError
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Credit, Group, Status, Trajectory, Turn
from rftcore_reinforce.reinforce import Reinforce
from rftcore_reinforce.reinforce_pp import ReinforcePP
from rftcore_reinforce.rloo import RLOO

TASK = Task(environment="toy", id="toy/easy/train/0", split="train", difficulty="easy", seed=0)


def turn(*logprobs: float) -> Turn:
    ids = tuple(range(len(logprobs)))
    return Turn(observation="o", text="a", action="a", reward=0.0, valid=True, token_ids=ids, logprobs=logprobs)


TURNS = (turn(-1.0), turn(-1.0))


def trajectory(ret: float, turns: Sequence[Turn] = TURNS, status: Status = "completed") -> Trajectory:
    return Trajectory(task=TASK, sample=0, turns=tuple(turns), status=status, ret=ret, success=ret > 0.5)


def group(*played: Trajectory | float) -> Group:
    return Group(task=TASK, trajectories=tuple(trajectory(p) if isinstance(p, float) else p for p in played))


def firsts(credits: Sequence[Credit | None]) -> list[float | None]:
    return [None if c is None else (c.turns[0] if c.tokens is None else c.tokens[0][0]) for c in credits]


SPOILED = trajectory(0.0, status="timeout")
SILENT = trajectory(0.0, turns=(), status="context_overflow")


def test_reinforce_subtracts_the_mean_of_the_whole_batch_over_its_tokens() -> None:
    long = trajectory(0.0, turns=(turn(-1.0, -1.0), turn(-1.0, -1.0, -1.0, -1.0)))
    one, two = Reinforce().credit([group(1.0, long), group(1.0, SPOILED, SILENT)])
    # Two tokens with a return of 1, six with 0, two with 1.
    assert firsts(one) == pytest.approx([0.6, -0.4])
    assert firsts(two) == [pytest.approx(0.6), None]
    assert one[1] is not None
    assert one[1].turns == (pytest.approx(-0.4),) * 2


def test_reinforce_may_subtract_the_mean_over_trajectories() -> None:
    one, two = Reinforce(baseline="trajectories").credit([group(1.0, 0.0), group(1.0, 1.0, 0.0, SPOILED)])
    # Five usable returns, three of them 1.
    assert firsts(one) == pytest.approx([0.4, -0.6])
    assert firsts(two) == pytest.approx([0.4, 0.4, -0.6])
    assert one[0] is not None
    assert one[0].turns == (pytest.approx(0.4),) * 2


def test_reinforce_without_a_baseline_takes_the_return() -> None:
    assert firsts(Reinforce(baseline="none").credit([group(1.0, -0.5)])[0]) == [1.0, -0.5]


def test_rloo_subtracts_the_mean_of_the_others() -> None:
    one, two = RLOO().credit([group(1.0, 0.0, 0.5), group(3.0, 1.0, SPOILED)])
    assert firsts(one) == pytest.approx([0.75, -0.75, 0.0])
    assert firsts(two) == [2.0, -2.0]


def test_rloo_normalizes_over_the_batch_when_asked() -> None:
    credits = RLOO(normalize_advantages=True).credit([group(1.0, 0.0), group(0.0, 3.0)])
    # Advantages 1, -1, -3, 3: mean 0, squares 20, variance 20 / 3.
    divisor = math.sqrt(20 / 3) + 1e-4
    assert [value for own in credits for value in firsts(own)] == pytest.approx(
        [1 / divisor, -1 / divisor, -3 / divisor, 3 / divisor]
    )


def test_rloo_takes_the_divergence_of_the_whole_trajectory_off_its_return() -> None:
    played = [trajectory(1.0, [turn(-1.0, -2.0), turn(-0.5)]), trajectory(1.0, [turn(-1.0)])]
    reference = [[[[-1.5, -2.0], [-0.75]], [[-3.0]]]]
    # log p - log q: 0.5 + 0 + 0.25 and 2. With a kl of 0.1 the returns are 0.925 and 0.8.
    (credits,) = RLOO(kl=0.1).credit([group(*played)], reference=reference)
    assert firsts(credits) == pytest.approx([0.125, -0.125])


def test_reinforce_pp_makes_a_token_pay_for_itself_and_what_follows() -> None:
    played = [trajectory(1.0, [turn(-1.0, -2.0), turn(-0.5)]), trajectory(0.0, [turn(-1.0)])]
    reference = [[[[-1.5, -2.0], [-0.75]], [[-3.0]]]]
    (credits,) = ReinforcePP(kl=0.2).credit([group(*played)], reference=reference)
    # Divergences 0.5, 0, 0.25 and 2: returns to go 0.85, 0.95, 0.95 and -0.4.
    values = [0.85, 0.95, 0.95, -0.4]
    mean = sum(values) / 4
    divisor = math.sqrt(sum((value - mean) ** 2 for value in values) / 3) + 1e-4
    a, b, c, d = ((value - mean) / divisor for value in values)
    assert [credit and credit.tokens for credit in credits] == [
        ((pytest.approx(a), pytest.approx(b)), (pytest.approx(c),)),
        ((pytest.approx(d),),),
    ]


def test_reinforce_pp_normalizes_over_tokens_of_all_groups() -> None:
    long, short = trajectory(1.0, [turn(-1.0, -1.0), turn(-1.0)]), trajectory(0.0, [turn(-1.0)])
    credits = ReinforcePP(kl=0.0).credit([group(long, long), group(short, short)])
    # Tokens: six times 1 and twice 0; mean 3/4, sum of squares 6/16 + 18/16.
    divisor = math.sqrt(1.5 / 7) + 1e-4
    assert [firsts(own)[0] for own in credits] == pytest.approx([0.25 / divisor, -0.75 / divisor])


def test_reinforce_pp_with_a_baseline_subtracts_the_mean_of_the_group_first() -> None:
    one = [turn(-1.0)]
    credits = ReinforcePP(kl=0.0, baseline="group").credit(
        [group(trajectory(1.0, one), trajectory(0.0, one)), group(trajectory(5.0, one), trajectory(5.0, one))]
    )
    # 0.5, -0.5, 0 and 0: mean 0, variance 0.5 / 3.
    divisor = math.sqrt(0.5 / 3) + 1e-4
    assert [value for own in credits for value in firsts(own)] == pytest.approx([0.5 / divisor, -0.5 / divisor, 0, 0])


def test_a_batch_of_reinforce_pp_without_variance_is_left_out() -> None:
    assert ReinforcePP(kl=0.0).credit([group(1.0, 1.0), group(1.0, SPOILED)]) == [[None, None], [None]]


@pytest.mark.parametrize("algorithm", [Reinforce(), RLOO(), ReinforcePP(kl=0.0)], ids=lambda each: each.name)
def test_a_trajectory_without_turns_has_no_credit(algorithm: Algorithm) -> None:
    (credits,) = algorithm.credit([group(trajectory(1.0), trajectory(0.5), SILENT)])
    assert [credit is None for credit in credits] == [False, False, True]


def test_a_trajectory_without_turns_counts_among_the_others() -> None:
    assert firsts(RLOO().credit([group(1.0, SILENT)])[0]) == [1.0, None]
    assert firsts(Reinforce(baseline="trajectories").credit([group(1.0, SILENT)])[0]) == [0.5, None]


@pytest.mark.parametrize("algorithm", [Reinforce(), RLOO(), ReinforcePP()], ids=lambda each: each.name)
def test_no_groups_give_no_credit(algorithm: Algorithm) -> None:
    assert algorithm.credit([], reference=[]) == []


@pytest.mark.parametrize("algorithm", [RLOO(), ReinforcePP(kl=0.0, baseline="group")], ids=lambda each: each.name)
def test_a_group_planned_with_one_trajectory_is_refused_and_one_that_was_spoiled_is_left_out(
    algorithm: Algorithm,
) -> None:
    with pytest.raises(ConfigError, match=r"a group of 1 for task 'toy/easy/train/0'.*raise training\.samples"):
        algorithm.credit([group(1.0)])
    left_out, kept = algorithm.credit([group(1.0, SPOILED), group(1.0, 0.0)])
    assert left_out == [None]
    assert None not in kept


@pytest.mark.parametrize("algorithm", [RLOO(kl=0.1), ReinforcePP()], ids=lambda each: each.name)
def test_a_penalty_without_reference_logprobs_is_refused(algorithm: Algorithm) -> None:
    assert algorithm.reference_in_credit
    assert algorithm.reference_weight() == algorithm.config.kl > 0
    with pytest.raises(ValueError, match="found a kl above 0 but no reference logprobs"):
        algorithm.credit([group(1.0, 0.0)])


@pytest.mark.parametrize("reference", [[[[[-1.0]]]], [[[[-1.0], [-1.0]], [[-1.0], [-1.0, -2.0]]]]])
def test_reference_logprobs_of_another_shape_are_refused(reference: Any) -> None:
    with pytest.raises(ValueError, match="zip"):
        RLOO(kl=0.1).credit([group(1.0, 0.0)], reference=reference)


@pytest.mark.parametrize("algorithm", [Reinforce(), RLOO(), ReinforcePP(kl=0.0)], ids=lambda each: each.name)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_returns_that_are_not_finite_are_refused(algorithm: Algorithm, value: float) -> None:
    with pytest.raises(ValueError, match=f"found a return of {value}"):
        algorithm.credit([group(value, 0.0)])


@pytest.mark.parametrize(
    ("algorithm", "options", "message"),
    [
        (Reinforce, {"baseline": "group"}, "'tokens', 'trajectories' or 'none'"),
        (Reinforce, {"kl": 0.1}, "Extra inputs are not permitted"),
        (RLOO, {"kl": -1.0}, "greater than or equal to 0"),
        (RLOO, {"clip_low": 0.0}, "greater than 0"),
        (RLOO, {"clip_high": math.inf}, "finite number"),
        (RLOO, {"beta": 0.1}, "Extra inputs are not permitted"),
        (ReinforcePP, {"baseline": "batch"}, "'none' or 'group'"),
        (ReinforcePP, {"clip": 0.1}, "Extra inputs are not permitted"),
    ],
)
def test_unknown_and_impossible_options_are_refused(
    algorithm: type[Algorithm], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        algorithm(**options)


def test_credit_needs_no_torch() -> None:
    check = (
        "import sys, rftcore_reinforce.reinforce, rftcore_reinforce.rloo, rftcore_reinforce.reinforce_pp; "
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
