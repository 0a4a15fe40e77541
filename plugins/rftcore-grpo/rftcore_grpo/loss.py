"""GRPO's loss: a probability ratio times the advantage, held in bounds, with an optional pull to the start policy.

    loss = average over the update of  - w * f(r, A)  +  kl * r * k3

`r` is a ratio a token, or one a row (GSPO); `f` is PPO's clip, CISPO's clipped weight or SAPO's gate; `w` corrects for
what tells the sampler from the learner; `k3` estimates the divergence from the reference, and its factor `r` is
optional; the average is one of three. A pure function: it refuses to know the model, the optimizer, or how the
advantages came about.
"""

from __future__ import annotations

import torch

from rftcore.train.losses import (
    clip_figures,
    clipped_objective,
    constant_mean,
    figure_means,
    gated_objective,
    importance_weight,
    kl_k3,
    require_same_shape,
    row_mean,
    sequence_ratio,
    token_mean,
    token_ratio,
    truncated_objective,
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
    sampler_logprobs: torch.Tensor | None = None,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return this micro-batch's share of the update's loss, and of its figures.

    Tensors are [rows, positions]; see `rftcore.algorithm` for their meaning. `tokens` and `rows` are totals of the
    whole update, and default to those of the tensors. Values and returns are not used.

    The figures are means over the sampled tokens of the update:

        ratio          probability now over probability before the update
        clipped_low    share of tokens at which the lower clip stops the gradient, or cuts the weight (CISPO)
        clipped_high   share of tokens at which the upper clip does
        gate           what the gate leaves of the gradient, 1.0 at ratio 1; under SAPO, in place of the clipped shares
        kl             k3 estimate of KL(policy before the update || policy now), nats a token
        kl_reference   estimate of KL(policy now || reference) as the loss takes it, nats a token; with a reference only
        correction     the weight that corrects for the sampler, after the cut; with a correction only

    Raises ValueError when shapes differ, or when the configuration asks for logprobs that are not given.
    """
    require_same_shape(
        logprobs=logprobs,
        old_logprobs=old_logprobs,
        advantages=advantages,
        mask=mask,
        reference_logprobs=reference_logprobs,
        sampler_logprobs=sampler_logprobs,
    )
    if config.kl > 0 and reference_logprobs is None:
        raise ValueError(f"found kl {config.kl} but no reference logprobs; expected those of the start policy")
    tokens = int(mask.sum()) if tokens is None else tokens
    rows = mask.shape[0] if rows is None else rows

    ratio = (sequence_ratio if config.ratio == "sequence" else token_ratio)(logprobs, old_logprobs, mask)
    objective, figures = _objective(ratio, logprobs, old_logprobs, advantages, mask, config)
    losses = -objective
    if config.correction != "none":
        figures["correction"] = _correction(old_logprobs, sampler_logprobs, mask, config)
        losses = losses * figures["correction"]
    if reference_logprobs is not None:
        figures["kl_reference"] = kl_k3(logprobs, reference_logprobs, mask) * (ratio if config.kl_correction else 1.0)
        losses = losses + config.kl * figures["kl_reference"]

    return _average(losses, mask, tokens, rows, config), figure_means(figures, mask, tokens)


def _objective(
    ratio: torch.Tensor,
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    config: GRPO.Config,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return what is to be maximised [rows, positions], and what is reported of it."""
    bounds = config.clip_low, config.clip_high
    figures = clip_figures(ratio, logprobs, old_logprobs, advantages, mask, *bounds)
    if config.objective == "clip":
        return clipped_objective(ratio, advantages, mask, *bounds), figures
    if config.objective == "cispo":
        figures["clipped_low"] = (ratio < 1.0 - config.clip_low).to(mask.dtype)
        figures["clipped_high"] = (ratio > 1.0 + config.clip_high).to(mask.dtype)
        return truncated_objective(ratio, logprobs, advantages, mask, *bounds), figures
    gate = torch.where(advantages > 0, config.gate_positive, config.gate_negative)
    open_ = torch.sigmoid(gate * (ratio - 1.0))
    reported = {"ratio": ratio, "gate": 4.0 * open_ * (1.0 - open_), "kl": figures["kl"]}
    return gated_objective(ratio, advantages, mask, config.gate_positive, config.gate_negative), reported


def _average(losses: torch.Tensor, mask: torch.Tensor, tokens: int, rows: int, config: GRPO.Config) -> torch.Tensor:
    if config.constant_length is not None:  # exactly when the aggregation is "constant"
        return constant_mean(losses, mask, rows, config.constant_length)
    return row_mean(losses, mask, rows) if config.aggregation == "sequence" else token_mean(losses, mask, tokens)


def _correction(
    old_logprobs: torch.Tensor, sampler_logprobs: torch.Tensor | None, mask: torch.Tensor, config: GRPO.Config
) -> torch.Tensor:
    if sampler_logprobs is None:
        raise ValueError(f"found correction {config.correction!r} but no sampler logprobs; expected them apart")
    return importance_weight(
        old_logprobs,
        sampler_logprobs,
        mask,
        level="sequence" if config.correction == "sequence" else "token",
        cut=config.correction_cut,
        low=config.correction_low,
        high=config.correction_high,
    )
