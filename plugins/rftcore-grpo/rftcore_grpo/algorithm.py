"""GRPO's credit: how much better a trajectory did than the others of its task. Needs no torch.

One algorithm with the options in which the published variants differ; the README lists which options make which
variant. It refuses combinations that no publication defines, rather than adjusting them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from rftcore.algorithm import Algorithm, TokenFloats
from rftcore.credit import Scale, group_normalize, zero_variance
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group

_CORRECTION = ("correction_cut", "correction_low", "correction_high")
_SWITCHED = ("objective", "gate_", "correction")


class GRPO(Algorithm):
    """Group Relative Policy Optimization (arXiv 2402.03300) with DAPO's refinements (arXiv 2503.14476) as defaults."""

    name = "grpo"

    class Config(Frozen):
        """Options of the credit and of the loss."""

        scale_rewards: Scale = "group"
        """What divides the advantage: the standard deviation of the group, that of the batch, or nothing."""
        dynamic_sampling: bool = True
        """Leave out groups whose returns are all equal. When off they stay, with advantage 0."""
        ratio: Literal["token", "sequence"] = "token"
        """What the probability ratio compares: each token, or each row as a whole (GSPO)."""
        clip_low: float = Field(default=0.2, gt=0, le=1)
        """The ratio is clipped below at 1 - `clip_low`."""
        clip_high: float = Field(default=0.28, gt=0, allow_inf_nan=False)
        """The ratio is clipped above at 1 + `clip_high`."""
        aggregation: Literal["token", "sequence", "constant"] = "token"
        """The average over the update: over tokens, over rows of the mean over tokens, or by a constant length."""
        constant_length: int | None = Field(default=None, ge=1)
        """Tokens a row counts for under the aggregation `constant`; commonly the most that a row may hold."""
        kl: float = Field(default=0.0, ge=0, allow_inf_nan=False)
        """Weight (beta) of the KL penalty to the start policy; 0.0 spares the reference's forward pass."""
        kl_correction: bool = True
        """Multiply the penalty by the ratio, so that its gradient is that of KL(policy || start), arXiv 2512.02556.
        Without, as GRPO was published, it is on policy the gradient of KL(start || policy)."""

        objective: Literal["clip", "cispo", "sapo"] = "clip"
        """How the ratio enters: clipped (PPO), as a clipped weight without gradient (CISPO), or through a soft gate."""
        gate_positive: float = Field(default=1.0, gt=0, allow_inf_nan=False)
        """Temperature of the gate of `sapo` where the advantage is positive."""
        gate_negative: float = Field(default=1.05, gt=0, allow_inf_nan=False)
        """The same elsewhere; above the other, as pushing tokens down is what makes training unstable."""
        correction: Literal["none", "token", "sequence"] = "none"
        """Weigh each token, or each row, by how likely the learner finds it next to the sampler."""
        correction_cut: Literal["truncate", "mask"] = "truncate"
        """What becomes of weights out of bounds: the nearer bound, or 0."""
        correction_low: float = Field(default=0.0, ge=0, le=1)
        """Lower bound of the weight."""
        correction_high: float = Field(default=2.0, ge=1, allow_inf_nan=False)
        """Upper bound of the weight."""

        @model_serializer(mode="wrap")
        def _without_what_is_off(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
            # What a run does not use is no part of its identity: runs made before these options keep their ids.
            fields = type(self).model_fields
            dumped: dict[str, Any] = handler(self)
            return {
                name: value
                for name, value in dumped.items()
                if not name.startswith(_SWITCHED) or value != fields[name].default
            }

        @model_validator(mode="after")
        def _consistent(self) -> Self:
            # Worded to follow "expected", as core prints what a configuration gets wrong.
            if self.aggregation == "constant" and self.constant_length is None:
                raise ValueError("a constant_length, in tokens, with aggregation 'constant'")
            if self.aggregation != "constant" and self.constant_length is not None:
                raise ValueError(
                    f"no constant_length with aggregation {self.aggregation!r}: remove it, or set 'constant'"
                )
            if self.ratio == "sequence" and self.aggregation != "sequence":
                raise ValueError(
                    f"aggregation 'sequence' with ratio 'sequence' (GSPO): {self.aggregation!r} would weigh each row's "
                    "one ratio by its length"
                )
            if self.objective == "cispo" and self.ratio == "sequence":
                raise ValueError("ratio 'token' with objective 'cispo': its weight belongs to a token")
            unused = [
                *(name for name in ("gate_positive", "gate_negative") if self.objective != "sapo"),
                *(name for name in ("clip_low", "clip_high") if self.objective == "sapo"),
                *(name for name in _CORRECTION if self.correction == "none"),
            ]
            for name in unused:
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(
                        f"no {name} with objective {self.objective!r} and correction {self.correction!r}, which do not "
                        "use it: remove it"
                    )
            return self

    def credit(
        self,
        groups: Sequence[Group],
        *,
        values: TokenFloats | None = None,
        reference: TokenFloats | None = None,
    ) -> list[list[Credit | None]]:
        """Give every turn of a trajectory the normalized return of that trajectory within its group.

        A group with fewer than two usable trajectories has nothing to compare, and its credit is None. So is, under
        `dynamic_sampling`, that of a group without variance. Groups left out do not count in the deviation of the
        batch. A trajectory without turns counts in its group's mean, and has itself no credit.
        """
        returns = [[trajectory.ret for trajectory in group.usable] for group in groups]
        kept = [own for own in returns if self._teaches(own)]
        advantages = iter(group_normalize(kept, self.config.scale_rewards))
        credits: list[list[Credit | None]] = []
        for group, own in zip(groups, returns, strict=True):
            if not self._teaches(own):
                credits.append([None] * len(own))
                continue
            credits.append(
                [
                    Credit(turns=(advantage,) * len(trajectory.turns)) if trajectory.turns else None
                    for trajectory, advantage in zip(group.usable, next(advantages), strict=True)
                ]
            )
        return credits

    def reference_weight(self) -> float:
        """Return the weight of the KL penalty."""
        return float(self.config.kl)

    def corrects_sampler(self) -> bool:
        """Return whether there is a correction."""
        return bool(self.config.correction != "none")

    def _teaches(self, returns: Sequence[float]) -> bool:
        return len(returns) >= 2 and not (self.config.dynamic_sampling and zero_variance(returns))
