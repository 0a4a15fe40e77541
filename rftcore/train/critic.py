"""The critic: what return it expects from each sampled token on, before the token is drawn.

A linear head over hidden states, of the policy itself or of a model of the critic's own. It starts at 0 and draws no
random numbers, so the first update is that of returns without a baseline, and runs without a critic are as ever. It
refuses to know what it is taught: targets and errors are the algorithm's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import pvariance
from typing import Any

import torch

from rftcore.errors import ConfigError
from rftcore.models import find_model
from rftcore.schemas.config import CriticConfig
from rftcore.train.chat import load_tokenizer
from rftcore.train.checkpoint import load_model
from rftcore.train.logprobs import row_figures, token_values
from rftcore.train.rows import Row


class Head(torch.nn.Module):
    """hidden states [N, width] -> values [N], in float32 whatever the model's precision."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(width))
        self.bias = torch.nn.Parameter(torch.zeros(()))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden.float() @ self.weight + self.bias


class Critic(torch.nn.Module):
    """A head, and the `model` whose hidden states it reads; None: it reads those of the policy."""

    def __init__(self, policy: Any, model: Any = None, *, learning_rate: float) -> None:
        """Raises ConfigError when the model does not say how wide its hidden states are."""
        super().__init__()
        self.learning_rate = learning_rate
        self.model = model
        read = policy if model is None else model
        width = getattr(read.config.get_text_config(), "hidden_size", None)
        if width is None:
            raise ConfigError(
                f"a {type(read).__name__} can carry no critic: found no hidden_size in its configuration, expected "
                "one; set critic.model of the algorithm to another model, or choose an algorithm without a critic"
            )
        self.head = Head(width).to(next(read.parameters()).device)

    @property
    def policy_head(self) -> Head | None:
        """The head, when it is the policy's own hidden states that it reads."""
        return self.head if self.model is None else None

    def row_values(self, policy: Any, rows: Sequence[Row], *, tokens: int) -> list[list[float]]:
        """Return the value before each sampled token, row by row, without gradient.

        `tokens` bounds the micro-batches, as in `rftcore.train.logprobs.micro_batches`.
        """
        model = policy if self.model is None else self.model
        return row_figures(model, rows, lambda picked: token_values(model, picked, self.head), tokens=tokens)


def make_critic(
    config: CriticConfig, policy: Any, tokenizer: Any, start: Path | str, *, device: torch.device, dtype: torch.dtype
) -> Critic:
    """Return a new critic for `policy`, which a stage starts with as it is at `start`.

    Raises ConfigError when the critic's own model reads other tokens, RunError when it cannot be loaded.
    """
    model = None
    if config.model is not None:
        source = find_model(str(start) if config.model == "start" else config.model)
        if load_tokenizer(source).get_vocab() != tokenizer.get_vocab():
            raise ConfigError(
                f"algorithm.critic.model: found {config.model!r}, whose vocabulary is not the policy's; expected a "
                "model that reads the same tokens, such as 'start'"
            )
        model = load_model(source, device=device, dtype=dtype)
    return Critic(policy, model, learning_rate=config.learning_rate)


def explained_variance(rows: Sequence[Row]) -> float:
    """Return 1 - Var(G - V) / Var(G) of the targets G and what the critic said before the update, V.

    1.0: it foresaw every return; 0.0: no better than their mean, as when it says the same everywhere; may be negative.
    Also 0.0 when all returns are equal, so that there is nothing to foresee.
    """
    found = [
        (target, value)
        for row in rows
        for target, value, mask in zip(row.returns, row.old_values, row.value_mask, strict=True)
        if mask
    ]
    spread = pvariance([target for target, _ in found]) if found else 0.0
    return 1.0 - pvariance([target - value for target, value in found]) / spread if spread else 0.0
