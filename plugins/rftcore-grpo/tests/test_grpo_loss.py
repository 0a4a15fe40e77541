"""GRPO's loss: hand-computed numbers for every variant, gradient signs, invariances, additivity of micro-batches."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rftcore_grpo.algorithm import GRPO
from rftcore_grpo.loss import grpo_loss

# Three sampled tokens in row one (an observation before the last) and one in row two. Their ratios are 1.5, 1, 0.5
# and 0.5, which the clip (0.2 and 0.28) turns into these objectives with advantages 1 and -2:
#     row one    min(1.5, 1.28) = 1.28      1      min(0.5, 0.8) = 0.5          sum 2.78
#     row two    min(-2 * 0.5, -2 * 0.8) = -1.6                                 sum -1.6
MASK = torch.tensor([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
RATIOS = torch.tensor([[1.5, 1.0, 7.0, 0.5], [0.5, 7.0, 7.0, 7.0]])
OLD = torch.tensor([[-1.0, -2.0, -3.0, -1.5], [-0.7, -1.0, -1.0, -1.0]])
ADVANTAGES = torch.tensor([[1.0, 1.0, 9.0, 1.0], [-2.0, 9.0, 9.0, 9.0]])
VARIANTS: dict[str, dict[str, Any]] = {
    "token": {},
    "sequence": {"aggregation": "sequence"},
    "constant": {"aggregation": "constant", "constant_length": 10},
    "gspo": {"ratio": "sequence", "aggregation": "sequence"},
    "token+kl": {"kl": 0.5},
    "sequence+kl": {"aggregation": "sequence", "kl": 0.5},
    "constant+kl": {"aggregation": "constant", "constant_length": 10, "kl": 0.5},
    "gspo+kl": {"ratio": "sequence", "aggregation": "sequence", "kl": 0.5},
    "cispo": {"objective": "cispo"},
    "sapo": {"objective": "sapo", "aggregation": "sequence"},
    "gspo+sapo+kl": {"objective": "sapo", "ratio": "sequence", "aggregation": "sequence", "kl": 0.5},
    "token+correction": {"correction": "token", "correction_high": 1.2},
    "cispo+correction+kl": {"objective": "cispo", "correction": "sequence", "correction_cut": "mask", "kl": 0.5},
}


def loss_of(options: dict[str, Any], **changed: Any) -> tuple[torch.Tensor, dict[str, float]]:
    inputs = {"logprobs": OLD + RATIOS.log(), "old_logprobs": OLD, "advantages": ADVANTAGES, "mask": MASK}
    return grpo_loss(**{**inputs, "config": GRPO.Config(**options), **changed})


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("token", -(2.78 - 1.6) / 4),
        ("sequence", -(2.78 / 3 - 1.6) / 2),
        ("constant", -(2.78 - 1.6) / (2 * 10)),
        # Row ratios: the cube root of 1.5 * 1 * 0.5, inside the clip, and 0.5, clipped to 0.8.
        ("gspo", -(0.75 ** (1 / 3) - 1.6) / 2),
    ],
)
def test_loss_of_each_variant(variant: str, expected: float) -> None:
    assert loss_of(VARIANTS[variant])[0].item() == pytest.approx(expected, rel=1e-6)


# Against a reference that is twice as likely at the first token and as likely elsewhere, k3 is 2 - 1 - ln 2 there.
# The correction multiplies it by the ratio of that token, or of its row.
K3 = 1 - math.log(2)


@pytest.mark.parametrize(
    ("variant", "ratio", "weight"),
    [("token", 1.5, 1 / 4), ("sequence", 1.5, 1 / 6), ("constant", 1.5, 1 / 20), ("gspo", 0.75 ** (1 / 3), 1 / 6)],
)
@pytest.mark.parametrize("correction", [True, False])
def test_kl_penalty_is_averaged_as_the_objective_is(
    variant: str, ratio: float, weight: float, correction: bool
) -> None:
    reference = OLD + RATIOS.log()
    reference[0, 0] += math.log(2)
    reference[0, 2] += 3.0  # an observation: no part of the loss
    options = {**VARIANTS[variant], "kl": 0.5, "kl_correction": correction}
    with_kl, figures = loss_of(options, reference_logprobs=reference)
    estimate = K3 * ratio if correction else K3
    assert (with_kl - loss_of(VARIANTS[variant])[0]).item() == pytest.approx(0.5 * estimate * weight, rel=1e-5)
    assert figures["kl_reference"] == pytest.approx(estimate / 4, rel=1e-5)


def test_reference_without_weight_is_only_measured() -> None:
    loss, figures = loss_of({}, reference_logprobs=OLD)
    assert loss.item() == loss_of({})[0].item()
    assert figures["kl_reference"] > 0


def test_figures_are_means_over_sampled_tokens() -> None:
    figures = loss_of({})[1]
    assert figures == {
        "ratio": pytest.approx((1.5 + 1 + 0.5 + 0.5) / 4),
        "clipped_low": pytest.approx(1 / 4),
        "clipped_high": pytest.approx(1 / 4),
        # k3 of each token: ratio - 1 - ln(ratio)
        "kl": pytest.approx((0.5 - math.log(1.5) + 0 + 2 * (-0.5 + math.log(2))) / 4, rel=1e-5),
    }


def test_figures_of_a_sequence_ratio_count_the_tokens_of_each_row() -> None:
    figures = loss_of(VARIANTS["gspo"])[1]
    assert figures["ratio"] == pytest.approx((3 * 0.75 ** (1 / 3) + 0.5) / 4)
    assert (figures["clipped_low"], figures["clipped_high"]) == (pytest.approx(1 / 4), 0.0)


@pytest.mark.parametrize("variant", ["token", "sequence", "constant", "gspo"])
def test_on_policy_gradient_is_the_plain_policy_gradient(variant: str) -> None:
    logprobs = OLD.clone().requires_grad_()
    loss_of(VARIANTS[variant], logprobs=logprobs)[0].backward()
    weight = {
        "token": torch.full((2, 4), 1 / 4),
        "sequence": torch.tensor([[1 / 6], [1 / 2]]),
        "constant": torch.full((2, 4), 1 / 20),
        "gspo": torch.tensor([[1 / 6], [1 / 2]]),
    }[variant]
    expected = -ADVANTAGES * MASK * weight
    assert logprobs.grad is not None
    assert logprobs.grad.flatten().tolist() == pytest.approx(expected.flatten().tolist(), rel=1e-6)


def test_clipped_tokens_get_no_gradient_and_the_others_do() -> None:
    logprobs = (OLD + RATIOS.log()).requires_grad_()
    loss_of({}, logprobs=logprobs)[0].backward()
    # d loss / d logprob = -ratio * A / 4 where the clip does not act.
    expected = [[0.0, -0.25, 0.0, -0.125], [0.0, 0.0, 0.0, 0.0]]
    assert logprobs.grad is not None
    assert logprobs.grad.flatten().tolist() == pytest.approx([value for row in expected for value in row])


def test_upper_and_lower_width_act_on_their_own_side() -> None:
    wide_above = loss_of({"clip_high": 1.0})[0].item()
    wide_below = loss_of({"clip_low": 0.9})[0].item()
    assert wide_above == pytest.approx(-(1.5 + 1 + 0.5 - 1.6) / 4, rel=1e-6)
    assert wide_below == pytest.approx(-(2.78 - 1.0) / 4, rel=1e-6)


@pytest.mark.parametrize("correction", [True, False])
def test_a_penalty_alone_pulls_to_the_reference(correction: bool) -> None:
    logprobs = OLD.clone().requires_grad_()
    gap = torch.tensor([[0.5, -0.5, 0.5, 0.0], [0.5, 0.0, 0.0, 0.0]])
    options = {"kl": 1.0, "kl_correction": correction}
    loss_of(options, logprobs=logprobs, advantages=torch.zeros(2, 4), reference_logprobs=OLD + gap)[0].backward()
    # On policy: log(p / q), whose mean is the gradient of KL(p || q); or 1 - q / p, that of KL(q || p).
    expected = (-gap if correction else 1 - gap.exp()) * MASK / 4
    assert logprobs.grad is not None
    assert logprobs.grad.flatten().tolist() == pytest.approx(expected.flatten().tolist(), abs=1e-7)


def test_values_and_returns_have_no_say() -> None:
    noise = torch.rand(2, 4)
    assert torch.equal(loss_of({}, values=noise, old_values=noise, returns=noise)[0], loss_of({})[0])


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_masked_garbage_and_the_order_of_rows_change_nothing(variant: str) -> None:
    options, reference = VARIANTS[variant], OLD + 0.3
    plain = (OLD + RATIOS.log()).requires_grad_()
    sampler = OLD + torch.tensor([[0.1, -0.4, 0.0, 0.2], [-0.3, 0.0, 0.0, 0.0]])
    loss, figures = loss_of(options, logprobs=plain, reference_logprobs=reference, sampler_logprobs=sampler)
    loss.backward()

    def spoil(tensor: torch.Tensor, turn: int) -> torch.Tensor:
        garbage = torch.tensor([math.nan, math.inf, -math.inf, 1e30]).roll(turn)
        padded = torch.nn.functional.pad(torch.where(MASK == 0, garbage, tensor), (2, 3), value=math.nan)
        return padded.flip(0)

    spoiled = {
        "logprobs": spoil(OLD + RATIOS.log(), 0),
        "old_logprobs": spoil(OLD, 1),
        "advantages": spoil(ADVANTAGES, 2),
        "reference_logprobs": spoil(reference, 3),
        "sampler_logprobs": spoil(sampler, 1),
        "mask": torch.nn.functional.pad(MASK, (2, 3)).flip(0),
    }
    spoiled["logprobs"].requires_grad_()
    other_loss, other_figures = loss_of(options, **spoiled)
    other_loss.backward()

    assert other_loss.item() == pytest.approx(loss.item(), rel=1e-6)
    assert other_figures == pytest.approx(figures, rel=1e-6)
    assert plain.grad is not None
    assert spoiled["logprobs"].grad is not None
    restored = spoiled["logprobs"].grad.flip(0)
    assert restored[:, 2:-3].flatten().tolist() == pytest.approx(plain.grad.flatten().tolist(), rel=1e-6)
    assert not restored[:, :2].any()
    assert not restored[:, -3:].any()


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(sorted(VARIANTS)),
    st.integers(1, 6),
    st.integers(1, 7),
    st.integers(0, 2**31 - 1),
    st.data(),
)
def test_micro_batches_add_up_to_the_update(
    variant: str, rows: int, width: int, seed: int, data: st.DataObject
) -> None:
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, width + 1, (rows, 1), generator=draw)
    tensors = {
        "old_logprobs": -3 * torch.rand(rows, width, generator=draw),
        "reference_logprobs": -3 * torch.rand(rows, width, generator=draw),
        "sampler_logprobs": -3 * torch.rand(rows, width, generator=draw),
        "advantages": torch.randn(rows, 1, generator=draw).expand(rows, width),
        "mask": (torch.arange(width)[None] < lengths).float(),
    }
    config, start = GRPO.Config(**VARIANTS[variant]), -3 * torch.rand(rows, width, generator=draw)
    whole = start.clone().requires_grad_()
    loss, figures = grpo_loss(logprobs=whole, config=config, **tensors)
    loss.backward()

    cuts = sorted({0, rows, *data.draw(st.lists(st.integers(0, rows), max_size=3))})
    pieces, total, sums = start.clone().requires_grad_(), 0.0, dict.fromkeys(figures, 0.0)
    for first, last in pairwise(cuts):
        part = {name: tensor[first:last] for name, tensor in tensors.items()}
        tokens = int(tensors["mask"].sum())
        share, shares = grpo_loss(logprobs=pieces[first:last], config=config, tokens=tokens, rows=rows, **part)
        share.backward()
        total += share.item()
        sums = {name: sums[name] + value for name, value in shares.items()}

    assert total == pytest.approx(loss.item(), rel=1e-5, abs=1e-6)
    assert sums == pytest.approx(figures, rel=1e-5, abs=1e-6)
    assert whole.grad is not None
    assert pieces.grad is not None
    assert pieces.grad.flatten().tolist() == pytest.approx(whole.grad.flatten().tolist(), rel=1e-5, abs=1e-7)


def test_penalty_without_a_reference_is_refused() -> None:
    with pytest.raises(ValueError, match=r"found kl 0\.5 but no reference logprobs"):
        loss_of({"kl": 0.5})


def test_advantages_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"advantages \[2, 1\]"):
        loss_of({}, advantages=torch.ones(2, 1))
