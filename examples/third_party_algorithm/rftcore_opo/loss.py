"""OPO's loss: the log probability, weighted with the credit. One step an update keeps it on policy."""

from typing import Any

import torch

from rftcore.train.losses import token_mean


def opo_loss(
    *, logprobs: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor, tokens: int, **_: Any
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the micro-batch's share of the mean of - A log p over the update's tokens."""
    hidden = mask == 0
    return token_mean(-logprobs.masked_fill(hidden, 0.0) * advantages.masked_fill(hidden, 0.0), mask, tokens), {}
