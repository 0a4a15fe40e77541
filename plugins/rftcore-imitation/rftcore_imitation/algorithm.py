"""Imitation's credit: 1 for every turn of the trajectories that are worth imitating. Needs no torch.

Which ones those are is all that it decides. Who plays them is the run's business; it says only whom it wants.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from rftcore.algorithm import Algorithm, Demonstrations, TokenFloats
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group, Trajectory

ORACLE, SELF = "oracle", "self"


class Imitation(Algorithm):
    """Behavioural cloning (D. A. Pomerleau 1988) of an expert, of recorded trajectories, or of the agent's successes.

    The last is rejection sampling fine-tuning (RFT, Z. Yuan et al., arXiv 2308.01825), also called expert iteration
    (T. Anthony et al., arXiv 1705.08439); STaR (E. Zelikman et al., arXiv 2203.14465) adds hints to it.
    """

    name = "imitation"

    class Config(Frozen):
        """Options of the credit."""

        source: str = ORACLE
        """Who is imitated: the environment's `oracle`, the model it`self`, or the folder of a run, or a file, with
        recorded trajectories of training tasks."""
        noise: float = Field(default=0.0, ge=0, le=1)
        """Share of the oracle's turns that are random actions, imitated like any other: variance for what follows."""
        successes: bool = True
        """Imitate only trajectories that succeeded."""
        top: float = Field(default=1.0, gt=0, le=1)
        """Of those, the share with the highest returns, the shorter ones first where returns are equal."""
        distinct: bool = True
        """Imitate trajectories of one task that consist of the same actions only once."""
        per_task: int | None = Field(default=None, ge=1)
        """Most trajectories of one task, the best ones: easy tasks would crowd out the others."""

        @field_validator("source")
        @classmethod
        def _found_from_anywhere(cls, source: str) -> str:
            # Jobs read the recording too, wherever they run.
            return source if source in (ORACLE, SELF) else str(Path(source).absolute())

        @model_validator(mode="after")
        def _consistent(self) -> Self:
            # Worded to follow "expected", as core prints what a configuration gets wrong.
            if self.noise and self.source != ORACLE:
                raise ValueError(f"no noise with source {self.source!r}: only the oracle's actions are replaced")
            return self

    def demonstrations(self) -> Demonstrations | None:
        """Return whose trajectories are wanted; None for the model's own."""
        if self.config.source == SELF:
            return None
        recording = None if self.config.source == ORACLE else self.config.source
        return Demonstrations(recording=recording, noise=self.config.noise)

    def credit(
        self,
        groups: Sequence[Group],
        *,
        values: TokenFloats | None = None,
        reference: TokenFloats | None = None,
    ) -> list[list[Credit | None]]:
        """Give every turn of a trajectory that is imitated 1, and the others None.

        `top` is a share of all trajectories given that qualify, at least one of them. Warns with a RuntimeWarning when
        none does: then nothing is learned.
        """
        tried = [trajectory for group in groups for trajectory in group.usable]
        kept = {id(trajectory) for trajectory in self._imitated(tried)}
        if not kept:
            wanted = "succeeded" if self.config.successes else "had a turn"
            warnings.warn(
                f"imitation of {self.config.source!r}: none of {len(tried)} trajectories {wanted}, so this update "
                "teaches nothing",
                RuntimeWarning,
                stacklevel=2,
            )
        return [
            [Credit(turns=(1.0,) * len(each.turns)) if id(each) in kept else None for each in group.usable]
            for group in groups
        ]

    def _imitated(self, tried: Sequence[Trajectory]) -> list[Trajectory]:
        """Return what is imitated, the best ones first."""
        fit = [each for each in tried if each.turns and (each.success or not self.config.successes)]
        # The last two keep the order of the groups out of it.
        fit.sort(key=lambda each: (-each.ret, len(each.turns), each.task.digest, each.sample))
        seen: set[tuple[str, tuple[str, ...]]] = set()
        chosen: list[Trajectory] = []
        counts: dict[str, int] = {}
        for each in fit:
            task = each.task.digest
            way = (task, tuple(turn.action for turn in each.turns))
            if self.config.distinct and way in seen:
                continue
            if self.config.per_task is not None and counts.get(task, 0) >= self.config.per_task:
                continue
            seen.add(way)
            counts[task] = counts.get(task, 0) + 1
            chosen.append(each)
        return chosen[: math.ceil(self.config.top * len(chosen))]
