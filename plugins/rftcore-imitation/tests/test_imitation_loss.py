"""Imitation's loss: hand-computed numbers, the sign of its gradient, invariances, and parity with cross-entropy."""

from __future__ import annotations

import pytest
import torch

from rftcore_imitation.loss import imitation_loss

# Two imitated tokens in row one (an observation between them), one in row two.
MASK = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
LOGPROBS = torch.tensor([[-0.5, -9.0, -1.0], [-3.0, -9.0, -9.0]])
ONES = torch.ones(2, 3)


def gradient(logprobs: torch.Tensor, mask: torch.Tensor = MASK, tokens: int = 3) -> list[list[float]]:
    leaf = logprobs.clone().requires_grad_()
    imitation_loss(logprobs=leaf, advantages=torch.ones_like(leaf), mask=mask, tokens=tokens)[0].backward()
    assert leaf.grad is not None
    found: list[list[float]] = leaf.grad.tolist()
    return found


def test_loss_is_the_mean_surprise_of_an_imitated_token() -> None:
    loss, figures = imitation_loss(logprobs=LOGPROBS, advantages=ONES, mask=MASK, tokens=3)
    assert loss.item() == pytest.approx((0.5 + 1.0 + 3.0) / 3)
    assert figures == {}


def test_half_a_credit_counts_half() -> None:
    halved = torch.tensor([[1.0, 1.0, 1.0], [0.5, 1.0, 1.0]])
    loss, _ = imitation_loss(logprobs=LOGPROBS, advantages=halved, mask=MASK, tokens=3)
    assert loss.item() == pytest.approx((0.5 + 1.0 + 1.5) / 3)


def test_gradient_makes_imitated_tokens_likelier_and_is_exactly_zero_elsewhere() -> None:
    third = pytest.approx(-1 / 3)
    assert gradient(LOGPROBS) == [[third, 0.0, third], [third, 0.0, 0.0]]


def test_what_stands_at_masked_positions_reaches_neither_loss_nor_gradient() -> None:
    spoilt = LOGPROBS.masked_fill(MASK == 0, torch.nan)
    advantages = ONES.masked_fill(MASK == 0, torch.inf)
    loss, _ = imitation_loss(logprobs=spoilt, advantages=advantages, mask=MASK, tokens=3)
    assert loss.item() == pytest.approx(1.5)
    assert gradient(spoilt) == gradient(LOGPROBS)


def test_padding_changes_nothing() -> None:
    wide, mask = (torch.nn.functional.pad(each, (0, 4), value=0.0) for each in (LOGPROBS, MASK))
    loss, _ = imitation_loss(logprobs=wide, advantages=torch.ones(2, 7), mask=mask, tokens=3)
    assert loss.item() == pytest.approx(1.5)
    assert [row[:3] for row in gradient(wide, mask)] == gradient(LOGPROBS)


def test_losses_of_micro_batches_add_up_to_that_of_the_update() -> None:
    parts = [
        imitation_loss(logprobs=LOGPROBS[row], advantages=ONES[row], mask=MASK[row], tokens=3)[0].item()
        for row in ([0], [1])
    ]
    assert parts == [pytest.approx(0.5), pytest.approx(1.0)]
    assert sum(parts) == pytest.approx(1.5)
    assert gradient(LOGPROBS[:1], MASK[:1]) + gradient(LOGPROBS[1:], MASK[1:]) == gradient(LOGPROBS)


def test_loss_is_the_cross_entropy_of_torch_with_ignored_positions() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(2, 3, 11), torch.randint(11, (2, 3))
    logprobs = logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.masked_fill(MASK == 0, -100).flatten(), ignore_index=-100
    )
    loss, _ = imitation_loss(logprobs=logprobs, advantages=ONES, mask=MASK, tokens=3)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one shape"):
        imitation_loss(logprobs=LOGPROBS, advantages=torch.ones(2, 1), mask=MASK, tokens=3)
