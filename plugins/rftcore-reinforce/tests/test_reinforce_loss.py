"""The three losses: hand-computed numbers, signs, invariances, and that RLOO's gradient is unbiased."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch

from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn
from rftcore_reinforce.loss import reinforce_loss, reinforce_pp_loss, rloo_loss
from rftcore_reinforce.reinforce_pp import ReinforcePP
from rftcore_reinforce.rloo import RLOO

Loss = Callable[..., tuple[torch.Tensor, dict[str, float]]]

# Three sampled tokens in row one (an observation before the last) and one in row two. Their ratios are 1.5, 1, 0.5 and
# 0.5; as a whole, row one is 0.75 times as likely as before.
MASK = torch.tensor([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
RATIOS = torch.tensor([[1.5, 1.0, 7.0, 0.5], [0.5, 7.0, 7.0, 7.0]])
NOW = torch.tensor([[-1.0, -2.0, -3.0, -1.5], [-0.7, -1.0, -1.0, -1.0]])
ADVANTAGES = torch.tensor([[1.0, 1.0, 9.0, 1.0], [-2.0, 9.0, 9.0, 9.0]])
LOSSES: dict[str, tuple[Loss, Any]] = {
    "reinforce": (reinforce_loss, None),
    "rloo": (rloo_loss, RLOO.Config()),
    "reinforce_pp": (reinforce_pp_loss, ReinforcePP.Config()),
}


def loss_of(name: str, **changed: Any) -> tuple[torch.Tensor, dict[str, float]]:
    loss, config = LOSSES[name]
    inputs = {"logprobs": NOW, "old_logprobs": NOW - RATIOS.log(), "advantages": ADVANTAGES, "mask": MASK}
    return loss(**{**inputs, "config": config, **changed})


def gradient_of(name: str, **changed: Any) -> list[float]:
    logprobs = NOW.clone().requires_grad_()
    loss_of(name, logprobs=logprobs, **changed)[0].backward()
    assert logprobs.grad is not None
    return logprobs.grad.flatten().tolist()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reinforce", -(-1.0 - 2.0 - 1.5 - 2 * -0.7) / 4),
        # Row ratios 0.75, which the clip leaves to a good row, and 0.5, which it raises to 0.8 for a bad one.
        ("rloo", -(0.75 - 2 * 0.8) / 2),
        ("reinforce_pp", -(1.2 + 1.0 + 0.5 - 2 * 0.8) / 4),
    ],
)
def test_loss_of_each_algorithm(name: str, expected: float) -> None:
    assert loss_of(name)[0].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_ratio_one_is_reinforce_up_to_the_constant(name: str) -> None:
    # Over 4 tokens, or over 2 rows.
    expected = (-ADVANTAGES * MASK / (2 if name == "rloo" else 4)).flatten().tolist()
    assert gradient_of(name, old_logprobs=NOW) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # d loss / d logprob = -r A / 2, at every token of a row alike; the clip stops row two.
        ("rloo", [-0.375, -0.375, 0, -0.375, 0, 0, 0, 0]),
        ("reinforce_pp", [0, -0.25, 0, -0.125, 0, 0, 0, 0]),
    ],
)
def test_clipped_ratios_get_no_gradient_and_the_others_do(name: str, expected: list[float]) -> None:
    assert gradient_of(name) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["rloo", "reinforce_pp"])
def test_figures_are_means_over_sampled_tokens(name: str) -> None:
    figures = loss_of(name)[1]
    row = name == "rloo"
    assert figures == {
        "ratio": pytest.approx((3 * 0.75 + 0.5) / 4 if row else 3.5 / 4),
        "clipped_low": pytest.approx(1 / 4),
        "clipped_high": pytest.approx(0.0 if row else 1 / 4),
        "kl": pytest.approx((0.5 - math.log(1.5) + 2 * (-0.5 + math.log(2))) / 4, rel=1e-5),
    }


def test_reinforce_reports_how_far_the_policy_moved() -> None:
    assert loss_of("reinforce")[1] == {
        "kl": pytest.approx((0.5 - math.log(1.5) + 2 * (-0.5 + math.log(2))) / 4, rel=1e-5)
    }


@pytest.mark.parametrize("name", LOSSES)
def test_padding_masked_garbage_and_the_order_of_rows_change_nothing(name: str) -> None:
    loss, figures = loss_of(name)
    plain = gradient_of(name)

    def spoil(tensor: torch.Tensor, turn: int) -> torch.Tensor:
        garbage = torch.tensor([math.nan, math.inf, -math.inf, 1e30]).roll(turn)
        padded = torch.nn.functional.pad(torch.where(MASK == 0, garbage, tensor), (2, 3), value=math.nan)
        return padded.flip(0)

    logprobs = spoil(NOW, 0).requires_grad_()
    other_loss, other_figures = loss_of(
        name,
        logprobs=logprobs,
        old_logprobs=spoil(NOW - RATIOS.log(), 1),
        advantages=spoil(ADVANTAGES, 2),
        mask=torch.nn.functional.pad(MASK, (2, 3)).flip(0),
    )
    other_loss.backward()
    assert other_loss.item() == pytest.approx(loss.item(), rel=1e-6)
    assert other_figures == pytest.approx(figures, rel=1e-6)
    assert logprobs.grad is not None
    restored = logprobs.grad.flip(0)
    assert restored[:, 2:-3].flatten().tolist() == pytest.approx(plain, rel=1e-6)
    assert not restored[:, :2].any()
    assert not restored[:, -3:].any()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("cuts", [(0, 1, 7), (0, 3, 4, 7), (0, 2, 2, 7)])
def test_micro_batches_add_up_to_the_update(name: str, cuts: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(0)
    mask = (torch.arange(5)[None] < torch.tensor([[5], [1], [3], [2], [5], [4], [1]])).float()
    tensors = {
        "old_logprobs": -2 * torch.rand(7, 5, generator=draw),
        "advantages": torch.randn(7, 1, generator=draw).expand(7, 5),
        "mask": mask,
    }
    start = tensors["old_logprobs"] + 0.3 * torch.randn(7, 5, generator=draw)
    whole, pieces = start.clone().requires_grad_(), start.clone().requires_grad_()
    loss, figures = loss_of(name, logprobs=whole, **tensors)
    loss.backward()
    total, sums = 0.0, dict.fromkeys(figures, 0.0)
    for first, last in pairwise(cuts):
        part = {key: tensor[first:last] for key, tensor in tensors.items()}
        share, shares = loss_of(name, logprobs=pieces[first:last], tokens=int(mask.sum()), rows=7, **part)
        share.backward()
        total += share.item()
        sums = {key: sums[key] + value for key, value in shares.items()}
    assert total == pytest.approx(loss.item(), rel=1e-5, abs=1e-6)
    assert sums == pytest.approx(figures, rel=1e-5, abs=1e-6)
    assert whole.grad is not None
    assert pieces.grad is not None
    assert pieces.grad.flatten().tolist() == pytest.approx(whole.grad.flatten().tolist(), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_advantages_of_another_shape_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"advantages \[2, 1\]"):
        loss_of(name, advantages=torch.ones(2, 1))


def test_rloo_is_unbiased_and_a_baseline_that_holds_the_return_itself_is_not() -> None:
    # A policy over 3 answers of one token, worth 1, 0.2 and 0. The gradient of its expected return is
    # p[a] * (worth[a] - mean); it is compared with the mean of the gradients of many groups of 3.
    scores = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64)
    worth, probabilities = torch.tensor([1.0, 0.2, 0.0], dtype=torch.float64), scores.softmax(-1)
    exact = probabilities * (worth - probabilities @ worth)
    count, size = 2000, 3
    draws = torch.multinomial(probabilities, count * size, replacement=True, generator=torch.Generator().manual_seed(5))
    task = Task(environment="toy", id="toy/easy/train/0", split="train", difficulty="easy", seed=0)
    turn = Turn(observation="", text="", action="", reward=0.0, valid=True)
    played = [
        Trajectory(task=task, sample=0, turns=(turn,), status="completed", ret=worth[answer].item(), success=False)
        for answer in draws.tolist()
    ]
    groups = [Group(task=task, trajectories=tuple(played[at : at + size])) for at in range(0, count * size, size)]
    advantages = torch.tensor(
        [credit.turns[0] for own in RLOO().credit(groups) for credit in own if credit is not None],
        dtype=torch.float64,
    )
    leaf = scores.clone().requires_grad_()
    logprobs = leaf.log_softmax(-1)[draws][:, None]
    loss, _ = rloo_loss(
        logprobs=logprobs,
        old_logprobs=logprobs.detach(),
        advantages=advantages[:, None],
        mask=torch.ones_like(logprobs),
        config=RLOO.Config(),
    )
    loss.backward()
    assert leaf.grad is not None
    # The same estimate of each group, for its standard error.
    each = advantages[:, None] * (torch.eye(3, dtype=torch.float64)[draws] - probabilities)
    of_groups = each.reshape(count, size, 3).mean(1)
    error = of_groups.std(0) / math.sqrt(count)
    assert (-leaf.grad).tolist() == pytest.approx(of_groups.mean(0).tolist(), abs=1e-12)
    assert ((-leaf.grad - exact).abs() < 4 * error).all()
    # Less the mean of all three, the return's own part included, the gradient would be 2/3 of it.
    own_too = advantages * (size - 1) / size
    biased = (own_too[:, None] * (torch.eye(3, dtype=torch.float64)[draws] - probabilities)).mean(0)
    assert ((biased - exact).abs() > 4 * error).any()
