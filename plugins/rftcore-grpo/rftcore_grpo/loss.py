"""GRPO's loss: a clipped probability ratio times the advantage, with an optional pull to the start policy.

    loss = average over the update of  - min(r A, clip(r, 1 - clip_low, 1 + clip_high) A)  +  kl * r * k3

`r` is a ratio a token, or one a row (GSPO); `k3` estimates the divergence from the reference, and its factor `r` is
optional; the average is one of three. A pure function: it refuses to know the model, the optimizer, or how the
advantages came about.
"""

from __future__ import annotations

import torch

from rftcore.train.losses import (
    clipped_objective,
    clipped_sides,
    constant_mean,
    kl_k3,
    require_same_shape,
    row_mean,
    sequence_ratio,
    token_mean,
    token_ratio,
)
from rftcore_grpo.algorithm import GRPO


def grpo_loss(
    *,
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    config: GRPO.Config,
    reference_logprobs: torch.Tensor | None = None,
    values: torch.Tensor | None = None,
    old_values: torch.Tensor | None = None,
    returns: torch.Tensor | None = None,
    tokens: int | None = None,
    rows: int | None = None,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return this micro-batch's share of the update's loss, and of its figures.

    Tensors are [rows, positions]; see `rftcore.algorithm` for their meaning. `tokens` and `rows` are totals of the
    whole update, and default to those of the tensors. Values and returns are not used.

    The figures are means over the sampled tokens of the update:

        ratio          probability now over probability when sampled
        clipped_low    share of tokens at which the lower clip stops the gradient
        clipped_high   share of tokens at which the upper clip does
        kl             k3 estimate of KL(policy that sampled || policy now), nats a token
        kl_reference   estimate of KL(policy now || reference) as the loss takes it, nats a token; with a reference only

    Raises ValueError when shapes differ, or when the configuration asks for a reference that is not given.
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
    rows = mask.shape[0] if rows is None else rows

    ratio = (sequence_ratio if config.ratio == "sequence" else token_ratio)(logprobs, old_logprobs, mask)
    losses = -clipped_objective(ratio, advantages, mask, config.clip_low, config.clip_high)
    kl_reference = None
    if reference_logprobs is not None:
        kl_reference = kl_k3(logprobs, reference_logprobs, mask) * (ratio if config.kl_correction else 1.0)
        losses = losses + config.kl * kl_reference

    if config.constant_length is not None:  # exactly when the aggregation is "constant"
        loss = constant_mean(losses, mask, rows, config.constant_length)
    elif config.aggregation == "sequence":
        loss = row_mean(losses, mask, rows)
    else:
        loss = token_mean(losses, mask, tokens)

    low, high = clipped_sides(ratio, advantages, mask, config.clip_low, config.clip_high)
    figures = {
        "ratio": ratio.expand_as(mask),
        "clipped_low": low,
        "clipped_high": high,
        "kl": kl_k3(old_logprobs, logprobs, mask),
    }
    if kl_reference is not None:
        figures["kl_reference"] = kl_reference
    # One transfer from the device for all of them.
    means = torch.stack([token_mean(figure.detach(), mask, tokens) for figure in figures.values()])
    return loss, dict(zip(figures, means.tolist(), strict=True))
