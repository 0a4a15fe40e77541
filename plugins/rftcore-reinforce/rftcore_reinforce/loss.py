"""The losses of the REINFORCE family. Pure functions of tensors, as `rftcore.algorithm` describes them.

    reinforce_loss      average over tokens of  - A log p
    rloo_loss           average over rows of    - min(r A, clip(r, 1 - clip_low, 1 + clip_high) A), r the row's ratio
    reinforce_pp_loss   average over tokens of  the same, r the token's ratio

On policy the three have the same gradient at each token, but for the constant that they divide by. All penalties are
part of the credit; a loss refuses to know a reference.
"""

from __future__ import annotations

from typing import Any

import torch

from rftcore.train.losses import (
    clip_figures,
    clipped_objective,
    figure_means,
    kl_k3,
    require_same_shape,
    row_mean,
    row_ratio,
    token_mean,
    token_ratio,
)
from rftcore_reinforce.reinforce_pp import ReinforcePP
from rftcore_reinforce.rloo import RLOO


def reinforce_loss(
    *,
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    tokens: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return this micro-batch's share of the update's loss, and of its figures.

    `kl` is the k3 estimate of KL(policy that sampled || policy now), nats a token. Nothing corrects for a policy that
    has moved: use one minibatch an update. Raises ValueError when shapes differ.
    """
    require_same_shape(logprobs=logprobs, old_logprobs=old_logprobs, advantages=advantages, mask=mask)
    tokens = int(mask.sum()) if tokens is None else tokens
    losses = -logprobs.masked_fill(mask == 0, 0.0) * advantages.masked_fill(mask == 0, 0.0)
    figures = {"kl": kl_k3(old_logprobs, logprobs, mask)}
    return token_mean(losses, mask, tokens), figure_means(figures, mask, tokens)


def rloo_loss(
    *,
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    config: RLOO.Config,
    tokens: int | None = None,
    rows: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return this micro-batch's share of the update's loss, and of the figures that `clip_figures` describes.

    The advantage is the same at all sampled tokens of a row. Raises ValueError when shapes differ.
    """
    require_same_shape(logprobs=logprobs, old_logprobs=old_logprobs, advantages=advantages, mask=mask)
    tokens = int(mask.sum()) if tokens is None else tokens
    rows = mask.shape[0] if rows is None else rows
    ratio = row_ratio(logprobs, old_logprobs, mask)
    losses = -clipped_objective(ratio, advantages, mask, config.clip_low, config.clip_high)
    figures = clip_figures(ratio, logprobs, old_logprobs, advantages, mask, config.clip_low, config.clip_high)
    return row_mean(losses, mask, rows), figure_means(figures, mask, tokens)


def reinforce_pp_loss(
    *,
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    config: ReinforcePP.Config,
    tokens: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return this micro-batch's share of the update's loss, and of the figures that `clip_figures` describes.

    Raises ValueError when shapes differ.
    """
    require_same_shape(logprobs=logprobs, old_logprobs=old_logprobs, advantages=advantages, mask=mask)
    tokens = int(mask.sum()) if tokens is None else tokens
    ratio = token_ratio(logprobs, old_logprobs, mask)
    losses = -clipped_objective(ratio, advantages, mask, config.clip_low, config.clip_high)
    figures = clip_figures(ratio, logprobs, old_logprobs, advantages, mask, config.clip_low, config.clip_high)
    return token_mean(losses, mask, tokens), figure_means(figures, mask, tokens)
