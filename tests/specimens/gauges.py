"""Metrics that keep every promise but one; `tests/testing/test_kind_checks.py` says which."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import fmean

from rftcore.metric import Metric
from rftcore.schemas.trajectory import Group


class Mean(Metric):
    """Keeps every promise."""

    name = "mean"

    def measure(self, groups: Sequence[Group]) -> dict[str, float]:
        returns = [own.ret for group in groups for own in group.usable]
        return {"return": fmean(returns)} if returns else {}


class Undefined(Mean):
    def measure(self, groups: Sequence[Group]) -> dict[str, float]:
        return {"return": float("nan"), **super().measure(groups)}


class Noisy(Mean):
    def measure(self, groups: Sequence[Group]) -> dict[str, float]:
        return {"return": random.random()}


class First(Mean):
    def measure(self, groups: Sequence[Group]) -> dict[str, float]:
        return super().measure(groups[:1])


class Harsh(Mean):
    """Counts what the machine spoiled."""

    def measure(self, groups: Sequence[Group]) -> dict[str, float]:
        return {"success": fmean(own.success for group in groups for own in group.trajectories)}


class Heavy(Mean):
    def measure(self, groups: Sequence[Group]) -> dict[str, float]:
        import torch

        returns = [own.ret for group in groups for own in group.usable]
        return {"return": float(torch.tensor(returns, dtype=torch.double).mean())} if returns else {}
