"""CISPO, SAPO and the correction for the sampler: hand-computed numbers, and which gradient they leave."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from rftcore_grpo.algorithm import GRPO
from rftcore_grpo.loss import grpo_loss

# Three sampled tokens in row one (an observation before the last) and one in row two, with these ratios.
MASK = torch.tensor([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
RATIOS = torch.tensor([[1.5, 1.0, 7.0, 0.5], [0.5, 7.0, 7.0, 7.0]])
NOW = torch.tensor([[-1.0, -2.0, -3.0, -1.5], [-0.7, -1.0, -1.0, -1.0]])
ADVANTAGES = torch.tensor([[1.0, 1.0, 9.0, 1.0], [-2.0, 9.0, 9.0, 9.0]])
CISPO = {"objective": "cispo", "clip_low": 0.4, "clip_high": 0.28}
SAPO = {"objective": "sapo", "aggregation": "sequence"}


def loss_of(options: dict[str, Any], **changed: Any) -> tuple[torch.Tensor, dict[str, float]]:
    inputs = {"logprobs": NOW, "old_logprobs": NOW - RATIOS.log(), "advantages": ADVANTAGES, "mask": MASK}
    return grpo_loss(**{**inputs, "config": GRPO.Config(**options), **changed})


def gradient_of(options: dict[str, Any], **changed: Any) -> list[float]:
    logprobs = NOW.clone().requires_grad_()
    loss_of(options, logprobs=logprobs, **changed)[0].backward()
    assert logprobs.grad is not None
    return logprobs.grad.flatten().tolist()


def test_cispo_weighs_log_probabilities_by_the_clipped_ratio() -> None:
    # Weights 1.28 (cut), 1, 0.6 (cut) and 0.6 (cut); log probabilities -1, -2, -1.5, -0.7.
    loss, figures = loss_of(CISPO)
    assert loss.item() == pytest.approx(-(1.28 * -1.0 + 1.0 * -2.0 + 0.6 * -1.5 + 0.6 * -2.0 * -0.7) / 4, rel=1e-6)
    assert figures["clipped_low"] == pytest.approx(2 / 4)
    assert figures["clipped_high"] == pytest.approx(1 / 4)
    assert figures["ratio"] == pytest.approx(3.5 / 4)


def test_cispo_leaves_every_token_a_gradient_of_its_weight() -> None:
    assert gradient_of(CISPO) == pytest.approx([-1.28 / 4, -1 / 4, 0, -0.6 / 4, 2 * 0.6 / 4, 0, 0, 0], rel=1e-6)


def test_cispo_with_a_clip_low_of_one_has_no_lower_bound() -> None:
    assert gradient_of({**CISPO, "clip_low": 1.0})[3] == pytest.approx(-0.5 / 4)


def test_sapo_gates_the_ratio_by_the_sign_of_the_advantage() -> None:
    def gate(ratio: float, temperature: float) -> float:
        return 4 / temperature / (1 + math.exp(-temperature * (ratio - 1)))

    row_one = (gate(1.5, 1.0) + gate(1.0, 1.0) + gate(0.5, 1.0)) / 3
    expected = -(row_one - 2 * gate(0.5, 1.05)) / 2
    assert loss_of(SAPO)[0].item() == pytest.approx(expected, rel=1e-6)


def test_sapo_lets_the_gradient_fade_on_both_sides_of_ratio_one() -> None:
    def left(ratio: float, temperature: float) -> float:
        part = 1 / (1 + math.exp(-temperature * (ratio - 1)))
        return 4 * part * (1 - part)

    # d loss / d logprob = -gate'(r) * r * A, averaged over the row and the rows.
    expected = [
        *(-left(1.5, 1.0) * 1.5 / 6, -1 / 6, 0, -left(0.5, 1.0) * 0.5 / 6),
        *(2 * left(0.5, 1.05) * 0.5 / 2, 0, 0, 0),
    ]
    assert gradient_of(SAPO) == pytest.approx(expected, rel=1e-5)
    figures = loss_of(SAPO)[1]
    assert figures["gate"] == pytest.approx((2 * left(0.5, 1.0) + 1 + left(0.5, 1.05)) / 4, rel=1e-5)
    assert "clipped_low" not in figures


@pytest.mark.parametrize("options", [CISPO, SAPO, {**SAPO, "ratio": "sequence"}], ids=["cispo", "sapo", "sequence"])
def test_ratio_one_is_reinforce(options: dict[str, Any]) -> None:
    weight = torch.full((2, 4), 1 / 4) if options is CISPO else torch.tensor([[1 / 6], [1 / 2]])
    expected = (-ADVANTAGES * MASK * weight).flatten().tolist()
    assert gradient_of(options, old_logprobs=NOW) == pytest.approx(expected, rel=1e-6)


# The learner finds the tokens 3, 1, 0.25 and 0.5 times as likely as the sampler did: rows 0.75 and 0.5.
GAP = torch.tensor([[3.0, 1.0, 9.0, 0.25], [0.5, 9.0, 9.0, 9.0]]).log()


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"correction": "token"}, [2.0, 1.0, 0.25, 0.5]),
        ({"correction": "token", "correction_low": 0.4, "correction_high": 5.0}, [3.0, 1.0, 0.4, 0.5]),
        ({"correction": "token", "correction_cut": "mask"}, [0.0, 1.0, 0.25, 0.5]),
        (
            {"correction": "token", "correction_cut": "mask", "correction_low": 0.4, "correction_high": 5.0},
            [3.0, 1.0, 0.0, 0.5],
        ),
        ({"correction": "sequence"}, [0.75, 0.75, 0.75, 0.5]),
        ({"correction": "sequence", "correction_low": 0.6}, [0.75, 0.75, 0.75, 0.6]),
        ({"correction": "sequence", "correction_low": 0.6, "correction_cut": "mask"}, [0.75, 0.75, 0.75, 0.0]),
    ],
)
def test_correction_weighs_each_token_or_row_within_its_bounds(options: dict[str, Any], weights: list[float]) -> None:
    # Objectives of the tokens: 1.28, 1, 0.5 and -1.6; see the clip's own tests.
    old = NOW - RATIOS.log()
    loss, figures = loss_of(options, sampler_logprobs=old - GAP)
    one, two, three, four = weights
    assert loss.item() == pytest.approx(-(1.28 * one + two + 0.5 * three - 1.6 * four) / 4, rel=1e-5)
    assert figures["correction"] == pytest.approx(sum(weights) / 4, rel=1e-5)


def test_correction_carries_no_gradient_and_leaves_the_penalty_alone() -> None:
    old = NOW - RATIOS.log()
    without = {"advantages": torch.zeros(2, 4), "reference_logprobs": NOW + 0.5, "sampler_logprobs": old - GAP}
    assert gradient_of({"correction": "token", "kl": 1.0}, **without) == gradient_of({"kl": 1.0}, **without)
    logprobs = NOW.clone().requires_grad_()
    loss_of({"correction": "token"}, logprobs=logprobs, old_logprobs=NOW, sampler_logprobs=NOW - GAP)[0].backward()
    assert logprobs.grad is not None
    expected = (-ADVANTAGES * MASK * GAP.exp().clamp(max=2.0) / 4).flatten().tolist()
    assert logprobs.grad.flatten().tolist() == pytest.approx(expected, rel=1e-5)


def test_a_sampler_that_agrees_changes_nothing() -> None:
    old = NOW - RATIOS.log()
    for level in ("token", "sequence"):
        assert loss_of({"correction": level}, sampler_logprobs=old)[0].item() == loss_of({})[0].item()


def test_correction_without_the_samplers_logprobs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"found correction 'token' but no sampler logprobs"):
        loss_of({"correction": "token"})
