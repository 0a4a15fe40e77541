"""GRPO's credit and its options: hand-computed advantages, what is left out, which combinations are refused."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Credit, Group, Status, Trajectory, Turn
from rftcore_grpo.algorithm import GRPO

TASK = Task(environment="toy", id="toy/easy/train/0", split="train", difficulty="easy", seed=0)
TURN = Turn(observation="o", text="a", action="a", reward=0.0, valid=True)


def trajectory(ret: float, turns: int = 2, status: Status = "completed") -> Trajectory:
    return Trajectory(task=TASK, sample=0, turns=(TURN,) * turns, status=status, ret=ret, success=ret > 0.5)


def group(returns: Sequence[float]) -> Group:
    return Group(task=TASK, trajectories=tuple(trajectory(ret) for ret in returns))


def first_floats(credits: Sequence[Credit | None]) -> list[float | None]:
    return [None if credit is None else credit.turns[0] for credit in credits]


def test_every_turn_gets_the_normalized_return_of_its_trajectory() -> None:
    trajectories = (trajectory(1.0, turns=3), trajectory(0.0, turns=1), trajectory(0.0), trajectory(0.0))
    (credits,) = GRPO().credit([Group(task=TASK, trajectories=trajectories)])
    good, bad = pytest.approx(0.75 / 0.5001, rel=1e-14), pytest.approx(-0.25 / 0.5001, rel=1e-14)
    assert [credit and credit.turns for credit in credits] == [(good,) * 3, (bad,), (bad,) * 2, (bad,) * 2]
    assert all(credit is not None and credit.tokens is None for credit in credits)


def test_scale_none_leaves_the_difference_from_the_mean() -> None:
    (credits,) = GRPO(scale_rewards="none").credit([group([1.0, 0.0, 0.0, 0.0])])
    assert first_floats(credits) == [0.75, -0.25, -0.25, -0.25]


def test_group_without_variance_is_left_out_under_dynamic_sampling() -> None:
    solved, mixed = GRPO().credit([group([1.0, 1.0]), group([1.0, 0.0])])
    assert solved == [None, None]
    assert first_floats(mixed) == pytest.approx([0.5 / (math.sqrt(0.5) + 1e-4), -0.5 / (math.sqrt(0.5) + 1e-4)])


def test_group_without_variance_stays_with_advantage_zero_when_dynamic_sampling_is_off() -> None:
    (credits,) = GRPO(dynamic_sampling=False).credit([group([0.1, 0.1, 0.1])])
    assert credits == [Credit(turns=(0.0, 0.0))] * 3


def test_groups_left_out_do_not_count_in_the_deviation_of_the_batch() -> None:
    groups = [group([1.0, 1.0]), group([1.0, 0.0])]
    alone = 0.5 / (math.sqrt(0.5) + 1e-4)
    both = 0.5 / (0.5 + 1e-4)  # returns 1 1 1 0: variance 1/4
    left_out, kept = GRPO(scale_rewards="batch").credit(groups), GRPO(scale_rewards="batch", dynamic_sampling=False)
    assert first_floats(left_out[1]) == pytest.approx([alone, -alone])
    assert first_floats(kept.credit(groups)[1]) == pytest.approx([both, -both])


def test_masked_trajectories_count_neither_in_the_mean_nor_in_the_result() -> None:
    spoiled = trajectory(0.0, status="environment_error")
    mixed = Group(task=TASK, trajectories=(trajectory(1.0), spoiled, trajectory(0.0)))
    assert GRPO().credit([mixed]) == GRPO().credit([group([1.0, 0.0])])


@pytest.mark.parametrize("dynamic_sampling", [True, False])
@pytest.mark.parametrize("usable", [0, 1])
def test_group_with_fewer_than_two_usable_trajectories_teaches_nothing(usable: int, dynamic_sampling: bool) -> None:
    spoiled = trajectory(0.0, status="timeout")
    rest = Group(task=TASK, trajectories=(trajectory(1.0),) * usable + (spoiled, spoiled))
    assert GRPO(dynamic_sampling=dynamic_sampling).credit([rest]) == [[None] * usable]


def test_trajectory_without_turns_counts_in_the_mean_and_is_left_out() -> None:
    overflow = trajectory(0.0, turns=0, status="context_overflow")
    (credits,) = GRPO(scale_rewards="none").credit([Group(task=TASK, trajectories=(trajectory(1.0), overflow))])
    assert credits == [Credit(turns=(0.5, 0.5)), None]


def test_no_groups_give_no_credit() -> None:
    assert GRPO().credit([]) == []


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=6), max_size=5),
    st.sampled_from(["group", "batch", "none"]),
    st.booleans(),
)
def test_credits_line_up_with_usable_trajectories_and_better_returns_never_get_less(
    returns: list[list[float]], scale: str, dynamic_sampling: bool
) -> None:
    algorithm = GRPO(scale_rewards=scale, dynamic_sampling=dynamic_sampling)
    credits = algorithm.credit([group(own) for own in returns])
    assert [len(own) for own in credits] == [len(own) for own in returns]
    for own, found in zip(returns, map(first_floats, credits), strict=True):
        if len(own) < 2 or (dynamic_sampling and len(set(own)) == 1):
            assert found == [None] * len(own)
            continue
        ranked = [value for _, value in sorted(zip(own, found, strict=True))]
        assert ranked == sorted(ranked)
        assert math.fsum(ranked) == pytest.approx(0.0, abs=1e-9)


def test_defaults_are_the_vetted_setting() -> None:
    assert GRPO().config.model_dump() == {
        "scale_rewards": "group",
        "dynamic_sampling": True,
        "ratio": "token",
        "clip_low": 0.2,
        "clip_high": 0.28,
        "aggregation": "token",
        "constant_length": None,
        "kl": 0.0,
        "kl_correction": True,
    }


def test_options_that_came_later_are_written_only_where_a_run_uses_them() -> None:
    written = GRPO(correction="token", correction_high=3.0).config.model_dump(mode="json")
    assert {"correction": "token", "correction_high": 3.0}.items() <= written.items()
    assert not {"objective", "gate_positive", "gate_negative", "correction_low", "correction_cut"} & written.keys()
    assert GRPO.Config(**written) == GRPO(correction="token", correction_high=3.0).config


def test_only_a_correction_asks_for_the_logprobs_of_the_sampler_apart() -> None:
    assert not GRPO().corrects_sampler()
    assert not GRPO(objective="cispo", kl=0.1).corrects_sampler()
    assert GRPO(correction="sequence").corrects_sampler()


def test_reference_weight_is_the_weight_of_the_penalty() -> None:
    assert GRPO().reference_weight() == 0.0
    assert GRPO(kl=0.04).reference_weight() == 0.04


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aggregation": "constant"}, "a constant_length, in tokens, with aggregation 'constant'"),
        ({"constant_length": 512}, "no constant_length with aggregation 'token': remove it"),
        ({"ratio": "sequence"}, "'sequence' \\(GSPO\\): 'token' would"),
        (
            {"ratio": "sequence", "aggregation": "constant", "constant_length": 9},
            "'sequence' \\(GSPO\\): 'constant' would",
        ),
        ({"aggregation": "constant", "constant_length": 0}, "greater than or equal to 1"),
        ({"aggregation": "bnpo"}, "'token', 'sequence' or 'constant'"),
        ({"scale_rewards": True}, "'group', 'batch' or 'none'"),
        ({"clip_low": 0.0}, "greater than 0"),
        ({"clip_low": 1.1}, "less than or equal to 1"),
        ({"clip_high": math.inf}, "finite number"),
        ({"kl": -0.1}, "greater than or equal to 0"),
        ({"kl": math.nan}, "greater than or equal to 0|finite number"),
        ({"beta": 0.1}, "Extra inputs are not permitted"),
        ({"objective": "vespo"}, "'clip', 'cispo' or 'sapo'"),
        (
            {"objective": "cispo", "ratio": "sequence", "aggregation": "sequence"},
            "ratio 'token' with objective 'cispo'",
        ),
        ({"gate_negative": 2.0}, "no gate_negative with objective 'clip'"),
        ({"objective": "sapo", "clip_high": 4.0}, "no clip_high with objective 'sapo'"),
        ({"objective": "sapo", "gate_positive": 0.0}, "greater than 0"),
        ({"correction": "truncate"}, "'none', 'token' or 'sequence'"),
        ({"correction_high": 3.0}, "no correction_high with objective 'clip' and correction 'none'"),
        ({"correction": "token", "correction_low": 1.5}, "less than or equal to 1"),
        ({"correction": "token", "correction_high": 0.5}, "greater than or equal to 1"),
    ],
)
def test_options_that_no_variant_defines_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GRPO(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"aggregation": "sequence", "clip_high": 0.2, "dynamic_sampling": False, "kl": 0.04, "kl_correction": False},
        {"scale_rewards": "none", "aggregation": "constant", "constant_length": 512, "clip_high": 0.2},
        {},
        {"ratio": "sequence", "aggregation": "sequence", "clip_low": 3e-4, "clip_high": 4e-4},
        {"objective": "cispo", "clip_low": 1.0, "clip_high": 4.0},
        {"objective": "sapo", "aggregation": "sequence"},
        {"correction": "token"},
        {"correction": "token", "correction_cut": "mask", "correction_low": 0.5, "correction_high": 5.0},
    ],
    ids=["GRPO", "Dr. GRPO", "DAPO", "GSPO", "CISPO", "SAPO", "TIS", "IcePop"],
)
def test_published_variants_are_accepted(options: dict[str, Any]) -> None:
    assert GRPO(**options).config.model_dump(include=set(options)) == options


def test_credit_needs_no_torch() -> None:
    check = "import sys, rftcore_grpo.algorithm; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
