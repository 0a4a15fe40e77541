"""The parts that policy-gradient losses are made of: ratios, objectives, KL estimators, averages, figures.

Pure functions of tensors; a loss of an algorithm is a few of them in a row. `mask` is 1.0 at sampled tokens and 0.0 at
prompts, observations and padding. Whatever stands at a masked position, NaN included, reaches neither a value nor a
gradient. The averages take the totals of the whole update, so that losses of its micro-batches add up to its loss.
This module refuses to hold state, to know a configuration, or to know where advantages come from.

Shapes: R is rows, P is positions. Log probabilities are natural logarithms at the sampling temperature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch

LOG_RATIO_LIMIT = 20.0
"""Differences of log probabilities are held within this, so that no ratio overflows (e^20 is about 5e8)."""

STALE_LIMIT = 2.0
"""Largest importance weight of a token that older weights sampled (C of F. Yao et al., 2025). Without a limit a single
token could decide an update; with it the estimate is biased towards what its sampler did (IMPALA, arXiv 1802.01561)."""


def require_same_shape(**tensors: torch.Tensor | None) -> None:
    """Raise ValueError unless all tensors given are [R, P] of one shape: broadcasting would hide the mistake."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items() if tensor is not None}
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        found = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise ValueError(f"found {found}; expected one shape [rows, positions] for all of them")


def log_ratio(numerator: torch.Tensor, denominator: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return log(p / q) [R, P] from the log probabilities of p and q, 0.0 where masked, within LOG_RATIO_LIMIT."""
    return (numerator - denominator).masked_fill(mask == 0, 0.0).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)


def token_ratio(logprobs: torch.Tensor, old_logprobs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return how much likelier each token is now than when it was sampled [R, P]; PPO, arXiv 1707.06347."""
    return log_ratio(logprobs, old_logprobs, mask).exp()


def sequence_ratio(logprobs: torch.Tensor, old_logprobs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the geometric mean of each row's token ratios [R, 1]; GSPO, arXiv 2507.18071, equation 7.

    A row without sampled tokens has ratio 1.
    """
    total = log_ratio(logprobs, old_logprobs, mask).sum(-1, keepdim=True)
    return (total / mask.sum(-1, keepdim=True).clamp(min=1.0)).exp()


def row_ratio(logprobs: torch.Tensor, old_logprobs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return how much likelier each row is as a whole [R, 1]: the product of its token ratios, within LOG_RATIO_LIMIT.

    The row is one action; RLOO, arXiv 2402.14740. A row without sampled tokens has ratio 1.
    """
    total = log_ratio(logprobs, old_logprobs, mask).sum(-1, keepdim=True)
    return total.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT).exp()


def importance_weight(
    learner: torch.Tensor,
    sampler: torch.Tensor,
    mask: torch.Tensor,
    *,
    level: Literal["token", "sequence"],
    cut: Literal["truncate", "mask"],
    low: float,
    high: float,
) -> torch.Tensor:
    """Return p / q of the learner's and the sampler's log probabilities under the same weights, without gradient.

    Two programs that compute the same model differ a little, and an old version of the weights differs more; a loss is
    multiplied by this to correct for it. [R, P] for each token, or [R, 1] for each row as a whole. What lies outside
    [low, high] is set to the nearer end ("truncate": F. Yao et al., Your Efficient RL Framework Secretly Brings You
    Off-Policy RL Training, 2025) or to 0, so that it teaches nothing ("mask": IcePop, arXiv 2510.18855).
    """
    weight = (row_ratio if level == "sequence" else token_ratio)(learner, sampler, mask).detach()
    if cut == "truncate":
        return weight.clamp(low, high)
    return weight.masked_fill((weight < low) | (weight > high), 0.0)


def staleness_weight(learner: torch.Tensor, sampler: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return min(p / q, STALE_LIMIT) [R, P] of the learner before an update and the older weights that sampled.

    No gradient. An objective that is linear in the advantage, times this, is the decoupled one of J. Hilton et al.
    (arXiv 2110.00641), which AReaL trains with (arXiv 2505.24298), with its weight truncated: the ratio and its clip
    compare with the learner before the update, and the weight makes up for who sampled.
    """
    return importance_weight(learner, sampler, mask, level="token", cut="truncate", low=0.0, high=STALE_LIMIT)


def clipped_objective(
    ratio: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor, clip_low: float, clip_high: float
) -> torch.Tensor:
    """Return min(ratio * A, clip(ratio, 1 - clip_low, 1 + clip_high) * A) [R, P], to be maximised; 0.0 where masked.

    `ratio` is [R, P] or [R, 1]. One width on both sides is PPO (arXiv 1707.06347); a wider upper side is the
    clip-higher of DAPO (arXiv 2503.14476), which leaves unlikely tokens more room to grow.
    """
    advantages = advantages.masked_fill(mask == 0, 0.0)
    clipped = ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    return torch.minimum(ratio * advantages, clipped * advantages)


def clipped_sides(
    ratio: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor, clip_low: float, clip_high: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where the clip stops the gradient, below and above [R, P], as 1.0 and 0.0; 0.0 where masked.

    Below: the token became too unlikely already and has a negative advantage. Above: too likely, positive advantage.
    """
    advantages = advantages.masked_fill(mask == 0, 0.0)
    low = (ratio < 1.0 - clip_low) & (advantages < 0)
    high = (ratio > 1.0 + clip_high) & (advantages > 0)
    return low.to(advantages.dtype), high.to(advantages.dtype)


def truncated_objective(
    ratio: torch.Tensor,
    logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    clip_low: float,
    clip_high: float,
) -> torch.Tensor:
    """Return clip(ratio, 1 - clip_low, 1 + clip_high) * A * log p [R, P], to be maximised; 0.0 where masked.

    The clipped ratio carries no gradient: it is a weight, and no token loses its gradient altogether. CISPO,
    arXiv 2506.13585, equation 4.
    """
    weight = ratio.clamp(1.0 - clip_low, 1.0 + clip_high).detach()
    return weight * advantages.masked_fill(mask == 0, 0.0) * logprobs.masked_fill(mask == 0, 0.0)


def gated_objective(
    ratio: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor, positive: float, negative: float
) -> torch.Tensor:
    """Return 4 / t * sigmoid(t * (ratio - 1)) * A [R, P], to be maximised; 0.0 where masked.

    The temperature t is `positive` where A > 0 and `negative` elsewhere. The gradient is that of `ratio * A` at ratio 1
    and fades on both sides, the sooner the greater t is. SAPO, arXiv 2511.20347.
    """
    advantages = advantages.masked_fill(mask == 0, 0.0)
    temperature = torch.where(advantages > 0, positive, negative)
    return 4.0 / temperature * torch.sigmoid(temperature * (ratio - 1.0)) * advantages


def value_error(
    values: torch.Tensor, old_values: torch.Tensor, returns: torch.Tensor, value_mask: torch.Tensor, clip: float
) -> torch.Tensor:
    """Return max((V - G)^2, (V' - G)^2) / 2 [R, P], to be minimised; 0.0 where `value_mask` is 0.

    V' is V held within `clip` of the value before the update, so that a critic which has moved further towards its
    target G gets no gradient, and one that has moved away from it does. Source: the code of OpenAI's baselines for PPO,
    described in L. Engstrom et al., arXiv 2005.12729, section 3.
    """
    values, old_values, returns = (each.masked_fill(value_mask == 0, 0.0) for each in (values, old_values, returns))
    held = old_values + (values - old_values).clamp(-clip, clip)
    return torch.maximum((values - returns).square(), (held - returns).square()) / 2


def kl_k1(logprobs: torch.Tensor, reference: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the estimate log(p / q) of KL(p || q) at tokens sampled from p [R, P]; may be negative.

    Unbiased, but useless as a loss: the mean of its gradient over samples from p is zero. It serves as a penalty
    inside the credit, or as a figure. Source: J. Schulman, Approximating KL Divergence (2020).
    """
    return log_ratio(logprobs, reference, mask)


def kl_k3(logprobs: torch.Tensor, reference: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the estimate q/p - 1 - log(q/p) of KL(p || q) at tokens sampled from p [R, P]; never negative.

    Unbiased and of lower variance than k1; the penalty of GRPO (arXiv 2402.03300, equation 4).
    Source: J. Schulman, Approximating KL Divergence (2020).
    """
    difference = log_ratio(reference, logprobs, mask)
    return difference.expm1() - difference


def token_mean(figures: torch.Tensor, mask: torch.Tensor, tokens: int) -> torch.Tensor:
    """Return the sum of `figures` [R, P] over sampled tokens, divided by the `tokens` of the whole update.

    Every token weighs the same, so a long row weighs more than a short one; DAPO, arXiv 2503.14476.
    """
    return figures.masked_fill(mask == 0, 0.0).sum() / max(tokens, 1)


def row_mean(figures: torch.Tensor, mask: torch.Tensor, rows: int) -> torch.Tensor:
    """Return the sum of each row's mean over its sampled tokens, divided by the `rows` of the whole update.

    Every row weighs the same, so a token of a long row weighs less; GRPO, arXiv 2402.03300. A row without sampled
    tokens adds 0.
    """
    totals = figures.masked_fill(mask == 0, 0.0).sum(-1)
    return (totals / mask.sum(-1).clamp(min=1.0)).sum() / max(rows, 1)


def constant_mean(figures: torch.Tensor, mask: torch.Tensor, rows: int, length: int) -> torch.Tensor:
    """Return the sum of `figures` over sampled tokens, divided by `rows` of the whole update times a fixed `length`.

    The weight of a token depends on no row's length, and the scale of the gradient on no update's; Dr. GRPO,
    arXiv 2503.20783. `length` is a number of tokens, commonly the most that a row may hold.
    """
    return figures.masked_fill(mask == 0, 0.0).sum() / (max(rows, 1) * length)


def clip_figures(
    ratio: torch.Tensor,
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    clip_low: float,
    clip_high: float,
) -> dict[str, torch.Tensor]:
    """Return what a clipped loss reports, for `figure_means`.

    ratio          probability now over probability before the update
    clipped_low    1.0 at tokens at which the lower clip stops the gradient
    clipped_high   1.0 at tokens at which the upper clip does
    kl             k3 estimate of KL(policy before the update || policy now), nats a token
    """
    low, high = clipped_sides(ratio, advantages, mask, clip_low, clip_high)
    return {"ratio": ratio, "clipped_low": low, "clipped_high": high, "kl": kl_k3(old_logprobs, logprobs, mask)}


def figure_means(figures: Mapping[str, torch.Tensor], mask: torch.Tensor, tokens: int) -> dict[str, float]:
    """Return the mean of each figure, [R, P] or [R, 1], over the sampled tokens of the whole update.

    One transfer from the device for all of them.
    """
    means = [token_mean(figure.detach().expand_as(mask), mask, tokens) for figure in figures.values()]
    return dict(zip(figures, torch.stack(means).tolist(), strict=True))
