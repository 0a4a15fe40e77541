"""What the learner itself says of an answer: what samplers are compared with."""

from __future__ import annotations

from typing import Any

import torch

from rftcore.sampler import Completion
from rftcore.train.logprobs import row_logprobs
from rftcore.train.rows import Row


def logprobs(model: Any, prompt: list[int], completion: Completion, temperature: float = 1.0) -> list[float]:
    """Return the logprobs of the sampled tokens under `model`."""
    ids = [*prompt, *completion.token_ids]
    row = Row(ids, list(range(len(prompt), len(ids))))
    return row_logprobs(model, [row], temperature=temperature or 1.0, tokens=4096)[0]


def move_adapters(model: Any, seed: int) -> None:
    """Change what the adapters of `model` add, as an update would, and more."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.05)
