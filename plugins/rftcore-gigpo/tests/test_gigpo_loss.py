"""GiGPO's loss: hand-computed numbers with advantages of their own for each turn, signs, invariances."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch

from rftcore_gigpo.algorithm import GiGPO
from rftcore_gigpo.loss import gigpo_loss

# Row one: two tokens of a good turn, an observation, one of a bad turn. Row two: one of a bad turn. The ratios 1.5, 1,
# 0.5 and 0.5 become the objectives min(1.5, 1.2) = 1.2, 1, min(-0.5 * 0.5, -0.5 * 0.8) = -0.4 and -2 * 0.8 = -1.6.
MASK = torch.tensor([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
RATIOS = torch.tensor([[1.5, 1.0, 7.0, 0.5], [0.5, 7.0, 7.0, 7.0]])
OLD = torch.tensor([[-1.0, -2.0, -3.0, -1.5], [-0.7, -1.0, -1.0, -1.0]])
ADVANTAGES = torch.tensor([[1.0, 1.0, 9.0, -0.5], [-2.0, 9.0, 9.0, 9.0]])


def loss_of(kl: float = 0.0, **changed: Any) -> tuple[torch.Tensor, dict[str, float]]:
    inputs = {"logprobs": OLD + RATIOS.log(), "old_logprobs": OLD, "advantages": ADVANTAGES, "mask": MASK}
    return gigpo_loss(**{**inputs, "config": GiGPO.Config(kl=kl), **changed})


def test_loss_and_figures_are_means_over_sampled_tokens() -> None:
    loss, figures = loss_of()
    assert loss.item() == pytest.approx(-(1.2 + 1 - 0.4 - 1.6) / 4, abs=1e-6)
    assert figures == {
        "ratio": pytest.approx(3.5 / 4),
        "clipped_low": pytest.approx(2 / 4),
        "clipped_high": pytest.approx(1 / 4),
        "kl": pytest.approx((0.5 - math.log(1.5) + 2 * (-0.5 + math.log(2))) / 4, rel=1e-5),
    }


def test_ratio_one_is_reinforce_with_the_advantages_of_turns() -> None:
    logprobs = OLD.clone().requires_grad_()
    loss_of(logprobs=logprobs)[0].backward()
    assert logprobs.grad is not None
    assert logprobs.grad.flatten().tolist() == pytest.approx([-0.25, -0.25, 0, 0.125, 0.5, 0, 0, 0])


def test_penalty_adds_k3_of_the_reference() -> None:
    reference = OLD + RATIOS.log()
    reference[0, 1] += math.log(2)
    loss, figures = loss_of(0.5, reference_logprobs=reference)
    assert figures["kl_reference"] == pytest.approx((1 - math.log(2)) / 4, rel=1e-5)
    assert (loss - loss_of()[0]).item() == pytest.approx(0.5 * (1 - math.log(2)) / 4, rel=1e-4)


def test_padding_masked_garbage_and_the_order_of_rows_change_nothing() -> None:
    plain, reference = (OLD + RATIOS.log()).requires_grad_(), OLD + 0.3
    loss, figures = loss_of(0.5, logprobs=plain, reference_logprobs=reference)
    loss.backward()

    def spoil(tensor: torch.Tensor, turn: int) -> torch.Tensor:
        garbage = torch.tensor([math.nan, math.inf, -math.inf, 1e30]).roll(turn)
        padded = torch.nn.functional.pad(torch.where(MASK == 0, garbage, tensor), (2, 3), value=math.nan)
        return padded.flip(0)

    logprobs = spoil(OLD + RATIOS.log(), 0).requires_grad_()
    other_loss, other_figures = loss_of(
        0.5,
        logprobs=logprobs,
        old_logprobs=spoil(OLD, 1),
        advantages=spoil(ADVANTAGES, 2),
        reference_logprobs=spoil(reference, 3),
        mask=torch.nn.functional.pad(MASK, (2, 3)).flip(0),
    )
    other_loss.backward()
    assert other_loss.item() == pytest.approx(loss.item(), rel=1e-6)
    assert other_figures == pytest.approx(figures, rel=1e-6)
    assert plain.grad is not None
    assert logprobs.grad is not None
    restored = logprobs.grad.flip(0)
    assert restored[:, 2:-3].flatten().tolist() == pytest.approx(plain.grad.flatten().tolist(), rel=1e-6)
    assert not restored[:, :2].any()
    assert not restored[:, -3:].any()


@pytest.mark.parametrize("cuts", [(0, 1, 7), (0, 3, 4, 7), (0, 2, 2, 7)])
def test_micro_batches_add_up_to_the_update(cuts: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(0)
    tensors = {
        "old_logprobs": -2 * torch.rand(7, 5, generator=draw),
        "reference_logprobs": -2 * torch.rand(7, 5, generator=draw),
        "advantages": torch.randn(7, 5, generator=draw),
        "mask": (torch.arange(5)[None] < torch.tensor([[5], [1], [3], [2], [5], [4], [1]])).float(),
    }
    start = tensors["old_logprobs"] + 0.3 * torch.randn(7, 5, generator=draw)
    whole, pieces = start.clone().requires_grad_(), start.clone().requires_grad_()
    loss, figures = loss_of(0.5, logprobs=whole, **tensors)
    loss.backward()
    total, sums = 0.0, dict.fromkeys(figures, 0.0)
    for first, last in pairwise(cuts):
        part = {name: tensor[first:last] for name, tensor in tensors.items()}
        tokens = int(tensors["mask"].sum())
        share, shares = loss_of(0.5, logprobs=pieces[first:last], tokens=tokens, rows=7, **part)
        share.backward()
        total += share.item()
        sums = {name: sums[name] + value for name, value in shares.items()}
    assert total == pytest.approx(loss.item(), rel=1e-5, abs=1e-6)
    assert sums == pytest.approx(figures, rel=1e-5, abs=1e-6)
    assert whole.grad is not None
    assert pieces.grad is not None
    assert pieces.grad.flatten().tolist() == pytest.approx(whole.grad.flatten().tolist(), rel=1e-5, abs=1e-7)


def test_penalty_without_a_reference_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found kl 0\.5 but no reference logprobs"):
        loss_of(0.5)
    with pytest.raises(ValueError, match=r"advantages \[2, 1\]"):
        loss_of(advantages=torch.ones(2, 1))
