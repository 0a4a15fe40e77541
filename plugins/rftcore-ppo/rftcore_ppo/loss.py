"""PPO's loss. A pure function of tensors, as `rftcore.algorithm` describes it.

    average over tokens of   - min(r A, clip(r, 1 - clip_low, 1 + clip_high) A)  -  entropy * H
    + value_weight * average over targets of   max((V - G)^2, (V' - G)^2) / 2

r is a token's ratio, H the policy's entropy at it, G a target of the critic, V its value and V' that value held within
`clip_value` of the one before the update. The KL penalty is part of the credit; this loss refuses to know a reference.
"""

from __future__ import annotations

from typing import Any

import torch

from rftcore.train.losses import (
    clip_figures,
    clipped_objective,
    figure_means,
    require_same_shape,
    token_mean,
    token_ratio,
    value_error,
)
from rftcore_ppo.algorithm import PPO


def ppo_loss(
    *,
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    config: PPO.Config,
    values: torch.Tensor,
    old_values: torch.Tensor,
    returns: torch.Tensor,
    value_mask: torch.Tensor,
    entropy: torch.Tensor | None = None,
    tokens: int | None = None,
    targets: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return this micro-batch's share of the update's loss, and of its figures.

    Figures are those that `clip_figures` describes and, over the critic's targets, `value_loss` (the error that is
    trained, before its weight), `value` (the mean), and `clipped_value` (the share of values that moved further than
    `clip_value`). Raises ValueError when shapes differ.
    """
    tensors = {"logprobs": logprobs, "old_logprobs": old_logprobs, "advantages": advantages, "mask": mask}
    of_critic = {"values": values, "old_values": old_values, "returns": returns, "value_mask": value_mask}
    require_same_shape(**tensors, **of_critic, entropy=entropy)
    tokens = int(mask.sum()) if tokens is None else tokens
    targets = int(value_mask.sum()) if targets is None else targets
    ratio = token_ratio(logprobs, old_logprobs, mask)
    objective = clipped_objective(ratio, advantages, mask, config.clip_low, config.clip_high)
    if entropy is not None:
        objective = objective + config.entropy * entropy.masked_fill(mask == 0, 0.0)
    error = value_error(values, old_values, returns, value_mask, config.clip_value)
    loss = token_mean(-objective, mask, tokens) + config.value_weight * token_mean(error, value_mask, targets)
    figures = clip_figures(ratio, logprobs, old_logprobs, advantages, mask, config.clip_low, config.clip_high)
    moved = ((values - old_values).abs() > config.clip_value).to(values.dtype)
    seen = {"value_loss": error, "value": values, "clipped_value": moved}
    return loss, figure_means(figures, mask, tokens) | figure_means(seen, value_mask, targets)
