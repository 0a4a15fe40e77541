"""RLOO's credit: how much better a trajectory did than the mean of the others of its task. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import Field

from rftcore.algorithm import Algorithm, TokenFloats
from rftcore.credit import leave_one_out, normalize
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group
from rftcore_reinforce.penalty import token_divergences


class RLOO(Algorithm):
    """REINFORCE Leave-One-Out (A. Ahmadian et al. 2024, arXiv 2402.14740)."""

    name = "rloo"
    reference_in_credit = True

    class Config(Frozen):
        """Options of the credit and of the loss."""

        normalize_advantages: bool = False
        """Bring the advantages of the batch to mean 0 and standard deviation 1."""
        kl: float = Field(default=0.0, ge=0, allow_inf_nan=False)
        """What a nat of divergence from the start policy costs; 0.0 spares the reference's forward pass."""
        clip_low: float = Field(default=0.2, gt=0, le=1)
        """The ratio of a trajectory is clipped below at 1 - `clip_low`."""
        clip_high: float = Field(default=0.2, gt=0, allow_inf_nan=False)
        """The ratio of a trajectory is clipped above at 1 + `clip_high`."""

    def credit(
        self,
        groups: Sequence[Group],
        *,
        values: TokenFloats | None = None,
        reference: TokenFloats | None = None,
    ) -> list[list[Credit | None]]:
        """Give every turn of a trajectory its return, penalty included, less the mean of its group's others.

        A group with fewer than two usable trajectories has nothing to compare, and its credit is None. A trajectory
        without turns counts in its group, and has itself no credit. Raises ConfigError for a group that was planned
        with one trajectory, ValueError for returns that are not finite and for a `kl` without `reference`.
        """
        returns = [[trajectory.ret for trajectory in group.usable] for group in groups]
        for group in groups:
            if len(group.trajectories) < 2:
                raise ConfigError(
                    f"found a group of 1 for task {group.task.id!r}; expected 2 trajectories of a task or more, as "
                    "rloo compares each with the others: raise training.samples, or use the algorithm reinforce"
                )
        if self.config.kl > 0:
            costs = token_divergences(groups, reference)
            returns = [
                [ret - self.config.kl * math.fsum(tokens) for ret, tokens in zip(own, of_group, strict=True)]
                for own, of_group in zip(returns, costs, strict=True)
            ]
        kept = leave_one_out([own for own in returns if len(own) > 1])
        if self.config.normalize_advantages:
            flat = iter(normalize([value for own in kept for value in own]))
            kept = [[next(flat) for _ in own] for own in kept]
        advantages = iter(kept)
        return [
            [
                Credit(turns=(advantage,) * len(trajectory.turns)) if trajectory.turns else None
                for trajectory, advantage in zip(group.usable, next(advantages), strict=True)
            ]
            if len(own) > 1
            else [None] * len(own)
            for group, own in zip(groups, returns, strict=True)
        ]

    def reference_weight(self) -> float:
        """Return the weight of the KL penalty."""
        return float(self.config.kl)
