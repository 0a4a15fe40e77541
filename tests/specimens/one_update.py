"""One update on stored groups, as one process or each of several makes it."""

from __future__ import annotations

from pathlib import Path

import torch

from rftcore.records import read_groups
from rftcore.schemas.config import LearnerConfig
from rftcore.train.learner import Learner
from rftcore.train.rows import build_rows
from rftcore.train.shards import gathered
from rftcore_grpo.algorithm import GRPO
from rftcore_grpo.loss import grpo_loss
from tests.train.conftest import build


def one_update(folder: Path, kind: str, options: dict[str, object]) -> tuple[Learner, dict[str, float]]:
    """Return the learner after the update on `groups.jsonl`, and the figures of it."""
    torch.manual_seed(0)
    algorithm, groups = GRPO(correction="token"), read_groups(folder / "groups.jsonl")
    credits = algorithm.credit(groups)
    rows = [
        row
        for group, earned in zip(groups, credits, strict=True)
        for trajectory, credit in zip(group.usable, earned, strict=True)
        if credit is not None
        for row in build_rows(trajectory, credit)[0]
    ]
    config = LearnerConfig.model_validate(options)
    learner = Learner(build(kind), config, loss=grpo_loss, loss_config=algorithm.config, corrects_sampler=True)
    return learner, learner.step(rows)


def state(learner: Learner) -> dict[str, torch.Tensor]:
    """The trained weights, and the first moments: a tenth of the last gradient, and of those before it."""
    found, whole = {}, dict(learner.whole.named_parameters())
    for name, parameter in learner.model.named_parameters():
        if parameter.requires_grad:
            found[name] = whole[name].detach().clone()
            found[f"{name}/moment"] = gathered(learner.optimizer.state[parameter]["exp_avg"]).clone()
    return found
