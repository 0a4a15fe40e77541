"""GiGPO's credit: how good a trajectory was among those of its task, and a turn among those in its state. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from rftcore.algorithm import Algorithm, Rewards, TokenFloats, turn_rewards
from rftcore.credit import discounted_returns, group_normalize
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group, Trajectory
from rftcore_gigpo.states import State, same_states


class GiGPO(Algorithm):
    """Group-in-Group Policy Optimization (L. Feng et al. 2025, arXiv 2505.10978)."""

    name = "gigpo"

    class Config(Frozen):
        """Options of the credit and of the loss."""

        state: State = "observation"
        """When two turns are in the same state: when they see the same, or when all before was the same too."""
        step_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
        """Weight (omega) of a turn's advantage within its state, next to its trajectory's advantage."""
        discount: float = Field(default=0.95, gt=0, le=1)
        """What a reward one turn later is worth (gamma) to a turn."""
        rewards: Rewards = "each"
        """What is discounted: each turn's own reward, or the trajectory's return as a reward of its last turn."""
        scale: Literal["group", "none"] = "group"
        """What divides an advantage, of either kind: the standard deviation of its group, or nothing."""
        clip_low: float = Field(default=0.2, gt=0, le=1)
        """The ratio is clipped below at 1 - `clip_low`."""
        clip_high: float = Field(default=0.2, gt=0, allow_inf_nan=False)
        """The ratio is clipped above at 1 + `clip_high`."""
        kl: float = Field(default=0.0, ge=0, allow_inf_nan=False)
        """Weight (beta) of the KL penalty to the start policy; 0.0 spares the reference's forward pass."""

    def credit(
        self,
        groups: Sequence[Group],
        *,
        values: TokenFloats | None = None,
        reference: TokenFloats | None = None,
    ) -> list[list[Credit | None]]:
        """Give each turn its trajectory's normalized return plus its own normalized return within its state.

        A group with fewer than two usable trajectories, and one in which every advantage is 0, teaches nothing: its
        credit is None. So is that of a trajectory without turns, which counts in its group's mean. Raises ConfigError
        for a group that was planned with one trajectory, and where turns' rewards are no parts of the return;
        ValueError for returns that are not finite.
        """
        return [self._of_group(group) for group in groups]

    def reference_weight(self) -> float:
        """Return the weight of the KL penalty."""
        return float(self.config.kl)

    def _of_group(self, group: Group) -> list[Credit | None]:
        if len(group.trajectories) < 2:
            raise ConfigError(
                f"found a group of 1 for task {group.task.id!r}; expected 2 trajectories of a task or more, as gigpo "
                "compares them with each other: raise training.samples"
            )
        played = group.usable
        if len(played) < 2:
            return [None] * len(played)
        (whole,) = group_normalize([[trajectory.ret for trajectory in played]], self.config.scale)
        turns = self._of_turns(played)
        advantages = [
            tuple(own + self.config.step_weight * step for step in steps)
            for own, steps in zip(whole, turns, strict=True)
        ]
        if not any(value for own in advantages for value in own):
            return [None] * len(played)
        return [Credit(turns=own) if own else None for own in advantages]

    def _of_turns(self, played: Sequence[Trajectory]) -> list[list[float]]:
        """Return the advantage of each turn over the other turns in its state; 0.0 where there is no other."""
        rewards = [turn_rewards(trajectory, self.config.rewards) for trajectory in played]
        returns = [discounted_returns(own, self.config.discount) for own in rewards]
        states = same_states(played, self.config.state)
        normalized = group_normalize(
            [[returns[number][index] for number, index in places] for places in states], self.config.scale
        )
        found = [[0.0] * len(trajectory.turns) for trajectory in played]
        for places, advantages in zip(states, normalized, strict=True):
            for (number, index), advantage in zip(places, advantages, strict=True):
                found[number][index] = advantage
        return found
