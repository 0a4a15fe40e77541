"""GiGPO's loss: PPO's clipped ratio times the turn's advantage, averaged over tokens, and a pull to the start policy.

    loss = average over tokens of  - min(r A, clip(r, 1 - clip_low, 1 + clip_high) A)  +  kl * k3

A pure function: it refuses to know the model, the optimizer, or how the advantages came about.
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
    token_mean,
    token_ratio,
)
from rftcore_gigpo.algorithm import GiGPO


def gigpo_loss(
    *,
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    config: GiGPO.Config,
    reference_logprobs: torch.Tensor | None = None,
    tokens: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return this micro-batch's share of the update's loss, and of its figures.

    The figures are those of `clip_figures` and, with a reference, `kl_reference`: the k3 estimate of KL(policy now ||
    reference), nats a token. Raises ValueError when shapes differ, or when the configuration asks for a reference that
    is not given.
    """
    require_same_shape(
        logprobs=logprobs,
        old_logprobs=old_logprobs,
        advantages=advantages,
        mask=mask,
        reference_logprobs=reference_logprobs,
    )
    if config.kl > 0 and reference_logprobs is None:
        raise ValueError(f"found kl {config.kl} but no reference logprobs; expected those of the start policy")
    tokens = int(mask.sum()) if tokens is None else tokens
    ratio = token_ratio(logprobs, old_logprobs, mask)
    losses = -clipped_objective(ratio, advantages, mask, config.clip_low, config.clip_high)
    figures = clip_figures(ratio, logprobs, old_logprobs, advantages, mask, config.clip_low, config.clip_high)
    if reference_logprobs is not None:
        figures["kl_reference"] = kl_k3(logprobs, reference_logprobs, mask)
        losses = losses + config.kl * figures["kl_reference"]
    return token_mean(losses, mask, tokens), figure_means(figures, mask, tokens)
