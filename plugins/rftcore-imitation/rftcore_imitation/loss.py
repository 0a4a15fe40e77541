"""Imitation's loss: the cross-entropy of the answers that are imitated. A pure function of tensors."""

from __future__ import annotations

from typing import Any

import torch

from rftcore.train.losses import require_same_shape, token_mean


def imitation_loss(
    *, logprobs: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor, tokens: int, **_: Any
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return - A log p, averaged over tokens: at A = 1 the mean cross-entropy of an imitated token in nats, >= 0.

    `logprobs`, `advantages` and `mask` are [rows, positions]; `tokens` are those of the whole update. Who said the
    tokens, and with which probability, is of no account. Raises ValueError when the shapes differ.
    """
    require_same_shape(logprobs=logprobs, advantages=advantages, mask=mask)
    others = mask == 0
    return token_mean(-logprobs.masked_fill(others, 0.0) * advantages.masked_fill(others, 0.0), mask, tokens), {}
