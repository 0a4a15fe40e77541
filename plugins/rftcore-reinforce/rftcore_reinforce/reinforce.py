"""REINFORCE's credit: a trajectory's return, less what the batch returns on average. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from rftcore.algorithm import Algorithm, TokenFloats
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group


class Reinforce(Algorithm):
    """REINFORCE (R. J. Williams, Simple statistical gradient-following algorithms, Machine Learning 8, 1992)."""

    name = "reinforce"

    class Config(Frozen):
        """Options of the credit."""

        baseline: Literal["batch", "none"] = "batch"
        """What is subtracted from a return: the mean return of the batch, or nothing."""

    def credit(
        self,
        groups: Sequence[Group],
        *,
        values: TokenFloats | None = None,
        reference: TokenFloats | None = None,
    ) -> list[list[Credit | None]]:
        """Give every turn of a trajectory its return less the baseline.

        The batch is all usable trajectories given, of whatever task. A trajectory without turns counts in its mean, and
        has itself no credit. Raises ValueError when a return is infinite or not a number.
        """
        returns = [trajectory.ret for group in groups for trajectory in group.usable]
        for value in returns:
            if not math.isfinite(value):
                raise ValueError(f"found a return of {value}; expected finite numbers: check the environment's rewards")
        baseline = math.fsum(returns) / len(returns) if returns and self.config.baseline == "batch" else 0.0
        return [
            [
                Credit(turns=(trajectory.ret - baseline,) * len(trajectory.turns)) if trajectory.turns else None
                for trajectory in group.usable
            ]
            for group in groups
        ]
