"""REINFORCE++'s credit: returns less a penalty a token, normalized over all tokens of the batch. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from rftcore.algorithm import Algorithm, TokenFloats
from rftcore.credit import discounted_returns, normalize, zero_variance
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group, Trajectory
from rftcore_reinforce.penalty import token_divergences


class ReinforcePP(Algorithm):
    """REINFORCE++ (J. Hu et al. 2025, arXiv 2501.03262)."""

    name = "reinforce_pp"
    reference_in_credit = True

    class Config(Frozen):
        """Options of the credit and of the loss."""

        baseline: Literal["none", "group"] = "none"
        """What is subtracted from a return before the batch is normalized: nothing, or the mean of its group."""
        kl: float = Field(default=0.01, ge=0, allow_inf_nan=False)
        """What a nat of divergence from the start policy costs a token; 0.0 spares the reference's forward pass."""
        clip_low: float = Field(default=0.2, gt=0, le=1)
        """The ratio of a token is clipped below at 1 - `clip_low`."""
        clip_high: float = Field(default=0.2, gt=0, allow_inf_nan=False)
        """The ratio of a token is clipped above at 1 + `clip_high`."""

    def credit(
        self,
        groups: Sequence[Group],
        *,
        values: TokenFloats | None = None,
        reference: TokenFloats | None = None,
    ) -> list[list[Credit | None]]:
        """Give each sampled token its trajectory's return less the penalties from it on, normalized over the batch.

        The batch is every sampled token given, of whatever task. A batch without variance teaches nothing, and all its
        credit is None; so is that of a trajectory without turns. Under `baseline: group`, a group with fewer than two
        usable trajectories is left out. Raises ConfigError for a group that was planned with one trajectory under that
        baseline, ValueError for returns that are not finite and for a `kl` without `reference`.
        """
        shifted = [self._shifted(group) for group in groups]
        costs = token_divergences(groups, reference) if self.config.kl > 0 else None
        tokens: list[list[list[float]]] = []
        for number, (group, own) in enumerate(zip(groups, shifted, strict=True)):
            tokens.append([])
            for index, (trajectory, ret) in enumerate(zip(group.usable, own, strict=True)):
                count = sum(len(turn.token_ids) for turn in trajectory.turns)
                rewards = [0.0] * count if costs is None else [-self.config.kl * k for k in costs[number][index]]
                if rewards and ret is not None:
                    rewards[-1] += ret
                    tokens[-1].append(discounted_returns(rewards, 1.0))
                else:
                    tokens[-1].append([])
        flat = [value for of_group in tokens for own in of_group for value in own]
        if zero_variance(flat):
            return [[None] * len(own) for own in shifted]
        advantages = iter(normalize(flat))
        return [
            [
                _credit(trajectory, [next(advantages) for _ in own]) if own else None
                for trajectory, own in zip(group.usable, of_group, strict=True)
            ]
            for group, of_group in zip(groups, tokens, strict=True)
        ]

    def reference_weight(self) -> float:
        """Return the weight of the KL penalty."""
        return float(self.config.kl)

    def _shifted(self, group: Group) -> list[float | None]:
        """Return the returns of a group less its baseline; None where there is nothing to compare."""
        returns = [trajectory.ret for trajectory in group.usable]
        if self.config.baseline == "none":
            return list(returns)
        if len(group.trajectories) < 2:
            raise ConfigError(
                f"found a group of 1 for task {group.task.id!r}; expected 2 trajectories of a task or more with "
                "baseline 'group': raise training.samples, or set the baseline 'none'"
            )
        if len(returns) < 2:
            return [None] * len(returns)
        mean = math.fsum(returns) / len(returns)
        return [value - mean for value in returns]


def _credit(trajectory: Trajectory, advantages: Sequence[float]) -> Credit:
    """Cut the advantages of a trajectory's tokens into its turns."""
    turns, start = [], 0
    for turn in trajectory.turns:
        turns.append(tuple(advantages[start : start + len(turn.token_ids)]))
        start += len(turn.token_ids)
    return Credit(tokens=tuple(turns))
