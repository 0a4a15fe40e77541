"""REINFORCE's credit: a trajectory's return, less what the batch returns on average. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from rftcore.algorithm import Algorithm, TokenFloats
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group, Trajectory


class Reinforce(Algorithm):
    """REINFORCE (R. J. Williams, Simple statistical gradient-following algorithms, Machine Learning 8, 1992)."""

    name = "reinforce"

    class Config(Frozen):
        """Options of the credit."""

        baseline: Literal["tokens", "trajectories", "none"] = "tokens"
        """What is subtracted from a return: the mean return of the batch over its sampled tokens, so that a trajectory
        weighs what it is long; the mean over its trajectories; or nothing."""

    def credit(
        self,
        groups: Sequence[Group],
        *,
        values: TokenFloats | None = None,
        reference: TokenFloats | None = None,
    ) -> list[list[Credit | None]]:
        """Give every turn of a trajectory its return less the baseline.

        The batch is all usable trajectories given, of whatever task. A trajectory without turns has itself no credit,
        but counts among the trajectories. Raises ValueError when a return is infinite or not a number.
        """
        baseline = self._baseline([trajectory for group in groups for trajectory in group.usable])
        return [
            [
                Credit(turns=(trajectory.ret - baseline,) * len(trajectory.turns)) if trajectory.turns else None
                for trajectory in group.usable
            ]
            for group in groups
        ]

    def _baseline(self, batch: Sequence[Trajectory]) -> float:
        """Return sum(w R) / sum(w), and 0.0 where nothing has any weight.

        With the tokens as weights this is the constant of least variance where a trajectory's squared score grows with
        its length (L. Weaver and N. Tao 2001, arXiv 1301.2315; Y. Hao et al. 2025, arXiv 2505.23585).
        """
        for trajectory in batch:
            if not math.isfinite(trajectory.ret):
                raise ValueError(
                    f"found a return of {trajectory.ret}; expected finite numbers: check the environment's rewards"
                )
        if self.config.baseline == "none":
            return 0.0
        each = self.config.baseline == "trajectories"
        weights = [1 if each else sum(len(turn.token_ids) for turn in trajectory.turns) for trajectory in batch]
        weighted = math.fsum(weight * trajectory.ret for weight, trajectory in zip(weights, batch, strict=True))
        return weighted / max(1, sum(weights))
