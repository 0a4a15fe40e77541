"""PPO's loss: hand-computed numbers, signs, invariances, and TRL's formulas written out."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch

from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn
from rftcore_ppo.algorithm import PPO
from rftcore_ppo.loss import ppo_loss

# Three sampled tokens in row one (an observation before the last) and one in row two. Ratios 1.5, 1, 0.5 and 0.5. The
# critic has targets at the first token of each answer: at tokens one and three of row one, and at that of row two.
MASK = torch.tensor([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
RATIOS = torch.tensor([[1.5, 1.0, 7.0, 0.5], [0.5, 7.0, 7.0, 7.0]])
NOW = torch.tensor([[-1.0, -2.0, -3.0, -1.5], [-0.7, -1.0, -1.0, -1.0]])
ADVANTAGES = torch.tensor([[1.0, 1.0, 9.0, 1.0], [-2.0, 9.0, 9.0, 9.0]])
ENTROPY = torch.tensor([[0.5, 1.0, 9.0, 1.5], [1.0, 9.0, 9.0, 9.0]])
TARGETED = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
VALUES = torch.tensor([[0.5, 9.0, 9.0, 0.9], [0.25, 9.0, 9.0, 9.0]])
OLD_VALUES = torch.tensor([[0.4, 9.0, 9.0, 0.5], [0.75, 9.0, 9.0, 9.0]])
RETURNS = torch.tensor([[1.0, 9.0, 9.0, 1.0], [0.5, 9.0, 9.0, 9.0]])
INPUTS = {
    "logprobs": NOW,
    "old_logprobs": NOW - RATIOS.log(),
    "advantages": ADVANTAGES,
    "mask": MASK,
    "values": VALUES,
    "old_values": OLD_VALUES,
    "returns": RETURNS,
    "value_mask": TARGETED,
    "entropy": ENTROPY,
}
CONFIG = PPO.Config(value_weight=0.5, entropy=0.01)
POLICY = -(1.2 + 1.0 + 0.5 - 2 * 0.8) / 4
# Value one moved by 0.1: 0.5^2. Value two moved by 0.4 and counts as 0.7: 0.3^2, not 0.1^2. Value three moved by -0.5
# past its target and counts as 0.55: the greater error is that of 0.25 itself, 0.25^2.
ERROR = (0.25 + 0.09 + 0.0625) / 2 / 3


def loss_of(**changed: Any) -> tuple[torch.Tensor, dict[str, float]]:
    return ppo_loss(**{**INPUTS, "config": CONFIG, **changed})


def gradients(**changed: Any) -> dict[str, list[float]]:
    leaves = {name: INPUTS[name].clone().requires_grad_() for name in ("logprobs", "values", "entropy")}
    loss_of(**{**leaves, **changed})[0].backward()
    return {name: [] if leaf.grad is None else leaf.grad.flatten().tolist() for name, leaf in leaves.items()}


def test_loss_is_the_clipped_objective_the_weighted_error_of_the_critic_and_the_entropy() -> None:
    assert loss_of()[0].item() == pytest.approx(POLICY + 0.5 * ERROR - 0.01 * 1.0, rel=1e-6)
    assert loss_of(entropy=None)[0].item() == pytest.approx(POLICY + 0.5 * ERROR, rel=1e-6)


def test_figures_are_means_over_sampled_tokens_and_over_targets() -> None:
    assert loss_of()[1] == {
        "ratio": pytest.approx(3.5 / 4),
        "clipped_low": pytest.approx(1 / 4),
        "clipped_high": pytest.approx(1 / 4),
        "kl": pytest.approx((0.5 - math.log(1.5) + 2 * (-0.5 + math.log(2))) / 4, rel=1e-5),
        "value_loss": pytest.approx(ERROR, rel=1e-6),
        "value": pytest.approx((0.5 + 0.9 + 0.25) / 3),
        "clipped_value": pytest.approx(2 / 3),
    }


def test_gradients_have_the_sign_of_what_is_learned_and_clipped_ones_are_none() -> None:
    found = gradients()
    # d loss / d logprob = -r A / 4: the clip stops the good token at 1.5 and the bad one at 0.5.
    assert found["logprobs"] == pytest.approx([0, -0.25, 0, -0.125, 0, 0, 0, 0])
    # (V - G) / 3 / 2 where the value is free, nothing where it has moved further than 0.2 towards its target.
    assert found["values"] == pytest.approx([-0.5 / 6, 0, 0, 0, -0.25 / 6, 0, 0, 0])
    assert found["entropy"] == pytest.approx([-0.0025, -0.0025, 0, -0.0025, -0.0025, 0, 0, 0])


def test_ratio_one_is_reinforce_with_a_baseline() -> None:
    found = gradients(old_logprobs=NOW)["logprobs"]
    assert found == pytest.approx((-ADVANTAGES * MASK / 4).flatten().tolist(), rel=1e-6)


def test_padding_masked_garbage_and_the_order_of_rows_change_nothing() -> None:
    loss, figures = loss_of()
    plain = gradients()
    garbage = torch.tensor([math.nan, math.inf, -math.inf, 1e30])

    def spoil(name: str, turn: int) -> torch.Tensor:
        mask = TARGETED if name in ("values", "old_values", "returns") else MASK
        tensor = INPUTS[name]
        if "mask" not in name:
            tensor = torch.where(mask == 0, garbage.roll(turn), tensor)
        return torch.nn.functional.pad(tensor, (2, 3), value=0.0 if "mask" in name else math.nan).flip(0)

    inputs = {name: spoil(name, turn) for turn, name in enumerate(INPUTS)}
    leaves = {name: inputs[name].clone().requires_grad_() for name in plain}
    other_loss, other_figures = loss_of(**{**inputs, **leaves})
    other_loss.backward()
    assert other_loss.item() == pytest.approx(loss.item(), rel=1e-6)
    assert other_figures == pytest.approx(figures, rel=1e-6)
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        restored = leaf.grad.flip(0)
        assert restored[:, 2:-3].flatten().tolist() == pytest.approx(plain[name], rel=1e-6)
        assert not restored[:, :2].any()
        assert not restored[:, -3:].any()


@pytest.mark.parametrize("cuts", [(0, 1, 7), (0, 3, 4, 7)])
def test_micro_batches_add_up_to_the_update(cuts: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(0)
    mask = (torch.arange(5)[None] < torch.tensor([[5], [1], [3], [2], [5], [4], [1]])).float()
    names = ("logprobs", "old_logprobs", "advantages", "values", "old_values", "returns", "entropy")
    tensors = {name: torch.randn(7, 5, generator=draw) for name in names}
    tensors |= {"mask": mask, "value_mask": mask * (torch.rand(7, 5, generator=draw) < 0.5)}
    loss, figures = loss_of(**tensors)
    total, sums = 0.0, dict.fromkeys(figures, 0.0)
    totals = {"tokens": int(mask.sum()), "rows": 7, "targets": int(tensors["value_mask"].sum())}
    for first, last in pairwise(cuts):
        share, shares = loss_of(**{key: tensor[first:last] for key, tensor in tensors.items()}, **totals)
        total += share.item()
        sums = {key: sums[key] + value for key, value in shares.items()}
    assert total == pytest.approx(loss.item(), rel=1e-5)
    assert sums == pytest.approx(figures, rel=1e-5)


@pytest.mark.parametrize("name", ["advantages", "values", "returns", "value_mask", "entropy"])
def test_tensors_of_another_shape_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} \[2, 1\]"):
        loss_of(**{name: torch.ones(2, 1)})


def trl_update(
    logprobs: torch.Tensor,
    old: torch.Tensor,
    reference: torch.Tensor,
    values: torch.Tensor,
    old_values: torch.Tensor,
    scores: torch.Tensor,
    mask: torch.Tensor,
) -> torch.Tensor:
    """TRL's former PPOTrainer without its whitening: gamma 0.9, lambda 0.8, kl 0.05.

    All are [rows, length] but `scores` [rows]; the clips are 0.2, the weight of the critic's loss 0.1.
    """
    rewards = -0.05 * (old - reference)
    rewards[torch.arange(len(mask)), mask.sum(1).long() - 1] += scores
    old_values, rewards = old_values * mask, rewards * mask
    last, reversed_ = torch.zeros(len(mask)), []
    for t in reversed(range(mask.shape[1])):
        following = old_values[:, t + 1] if t < mask.shape[1] - 1 else 0.0
        delta = rewards[:, t] + 0.9 * following - old_values[:, t]
        last = delta + 0.9 * 0.8 * last
        reversed_.append(last)
    advantages = torch.stack(reversed_[::-1], dim=1)
    returns = advantages + old_values

    def masked_mean(figures: torch.Tensor) -> torch.Tensor:
        return (figures * mask).sum() / mask.sum()

    clipped = torch.clamp(values, old_values - 0.2, old_values + 0.2)
    value_loss = 0.5 * masked_mean(torch.max((values - returns) ** 2, (clipped - returns) ** 2))
    ratio = torch.exp(logprobs - old)
    policy_loss = masked_mean(torch.max(-advantages * ratio, -advantages * torch.clamp(ratio, 0.8, 1.2)))
    return policy_loss + 0.1 * value_loss


def test_over_tokens_credit_loss_and_gradients_equal_the_formulas_of_trl() -> None:
    draw = torch.Generator().manual_seed(7)
    lengths, scores = [6, 1, 4, 5], [1.0, 0.0, 0.3, -0.5]
    mask = (torch.arange(6)[None] < torch.tensor(lengths)[:, None]).float()
    old, reference = (-2 * torch.rand(4, 6, generator=draw) for _ in range(2))
    old_values = torch.rand(4, 6, generator=draw)
    start = {
        "logprobs": old + 0.3 * torch.randn(4, 6, generator=draw),
        "values": old_values + 0.3 * torch.randn(4, 6, generator=draw),
    }
    theirs = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
    expected = trl_update(
        old=old, reference=reference, old_values=old_values, scores=torch.tensor(scores), mask=mask, **theirs
    )
    expected.backward()

    task = Task(environment="toy", id="toy/easy/train/0", split="train", difficulty="easy", seed=0)
    played = []
    for row, (length, score) in enumerate(zip(lengths, scores, strict=True)):
        logprobs = tuple(old[row, :length].tolist())
        turn = Turn(
            observation="",
            text="",
            action="",
            reward=score,
            valid=True,
            token_ids=tuple(range(length)),
            logprobs=logprobs,
        )
        played.append(Trajectory(task=task, sample=row, turns=(turn,), status="completed", ret=score, success=False))
    algorithm = PPO(level="token", discount=0.9, gae_lambda=0.8, kl=0.05, normalize_advantages=False)
    (credits,) = algorithm.credit(
        [Group(task=task, trajectories=tuple(played))],
        values=[[[own[:length].tolist()] for own, length in zip(old_values, lengths, strict=True)]],
        reference=[[[own[:length].tolist()] for own, length in zip(reference, lengths, strict=True)]],
    )
    advantages, returns = torch.zeros(4, 6), torch.zeros(4, 6)
    for row, (credit, length) in enumerate(zip(credits, lengths, strict=True)):
        assert credit is not None and credit.tokens is not None and credit.returns is not None
        advantages[row, :length] = torch.tensor(credit.tokens[0])
        returns[row, :length] = torch.tensor(credit.returns[0])
    ours = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
    loss, figures = ppo_loss(
        old_logprobs=old,
        advantages=advantages,
        mask=mask,
        old_values=old_values,
        returns=returns,
        value_mask=mask,
        config=algorithm.config,
        **ours,
    )
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    assert figures["clipped_value"] > 0 and figures["clipped_low"] + figures["clipped_high"] > 0
    for name, leaf in ours.items():
        wanted = theirs[name].grad
        assert leaf.grad is not None and wanted is not None
        assert wanted.abs().max() > 1e-3
        assert (leaf.grad - wanted).abs().max().item() < 1e-6
