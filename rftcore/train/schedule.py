"""The learning rate over a stage, as a pure function of the update: a resumed run needs no state of it.

All steps of one update have one rate. The curves are those of transformers, shifted by one, so that no update, neither
the first nor the last, is lost to a rate of 0.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from rftcore.schemas.config import LearnerConfig


def make_schedule(config: LearnerConfig, updates: int) -> Callable[[int], float]:
    """Return what the learning rate of update `u` (from 0) of a stage of `updates` is multiplied by, in (0, 1].

    With w = `warm_up`: (u + 1) / (w + 1) up to update w, which has the full rate; then, at the share
    p = (u - w) / (updates - w) of the rest, 1 (`constant`), 1 - p (`linear`) or (1 + cos(pi p)) / 2 (`cosine`).
    """
    if config.schedule == "constant" and not config.warm_up:
        return lambda update: 1.0
    from transformers import get_scheduler

    scheduler = get_scheduler(
        "constant_with_warmup" if config.schedule == "constant" else config.schedule,
        torch.optim.SGD([torch.zeros(1)]),  # its curve is wanted, and nothing that it would do to an optimizer
        num_warmup_steps=config.warm_up + 1,
        num_training_steps=updates + 1,
    )
    curve: Callable[[int], float] = scheduler.lr_lambdas[0]
    return lambda update: curve(update + 1)
