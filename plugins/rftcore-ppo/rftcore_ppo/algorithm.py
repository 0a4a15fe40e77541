"""PPO's credit: how much better each turn, or each token, went than the critic expected. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from rftcore.algorithm import Algorithm, Rewards, TokenFloats, turn_rewards
from rftcore.credit import gae, normalize
from rftcore.schemas.config import CriticConfig
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group, Trajectory
from rftcore_ppo.controller import adapted

Floats = Sequence[Sequence[float]]
"""[turn][token] of one trajectory."""


class PPO(Algorithm):
    """Proximal Policy Optimization (J. Schulman et al. 2017, arXiv 1707.06347)."""

    name = "ppo"
    reference_in_credit = True

    class Config(Frozen):
        """Options of the credit, of the loss and of the critic."""

        level: Literal["turn", "token"] = "turn"
        """What a step is: a whole answer, valued before its first token, or each sampled token."""
        discount: float = Field(default=1.0, gt=0, le=1)
        """What a reward one step later is worth (gamma)."""
        gae_lambda: float = Field(default=0.95, ge=0, le=1)
        """How far advantages look ahead before they trust the critic: 0 one step, 1 to the end of the episode."""
        rewards: Rewards = "each"
        """What is credited: each turn's own reward, or the trajectory's return as a reward of its last turn."""
        normalize_advantages: bool = True
        """Bring the advantages of the batch to mean 0 and standard deviation 1."""
        clip_low: float = Field(default=0.2, gt=0, le=1)
        """The ratio of a token is clipped below at 1 - `clip_low`."""
        clip_high: float = Field(default=0.2, gt=0, allow_inf_nan=False)
        """The ratio of a token is clipped above at 1 + `clip_high`."""
        clip_value: float = Field(default=0.2, gt=0, allow_inf_nan=False)
        """A value teaches the critic up to this distance from what it was before the update."""
        value_weight: float = Field(default=0.1, gt=0, allow_inf_nan=False)
        """Weight of the critic's error in the loss."""
        entropy: float = Field(default=0.0, ge=0, allow_inf_nan=False)
        """Weight of the policy's entropy (nats a token), which the loss rewards; 0.0 spares its backward pass."""
        kl: float = Field(default=0.0, ge=0, allow_inf_nan=False)
        """What a nat of divergence from the start policy costs (beta); 0.0 spares the reference's forward pass."""
        kl_target: float | None = Field(default=None, gt=0, allow_inf_nan=False)
        """Nats a trajectory at which an adaptive `kl`, which it starts from, holds the policy; None: `kl` is fixed."""
        critic: CriticConfig = Field(default_factory=CriticConfig)
        """What the critic is: `model` and `learning_rate`."""

        @model_validator(mode="after")
        def _adaptive(self) -> Self:
            if self.kl_target is not None and self.kl == 0.0:
                raise ValueError("a kl above 0 where kl_target is set: it is multiplied, and 0 stays 0")
            return self

    def __init__(self, config: Frozen | None = None, **options: object) -> None:
        super().__init__(config, **options)
        self._kl: float = self.config.kl

    def credit(
        self,
        groups: Sequence[Group],
        *,
        values: TokenFloats | None = None,
        reference: TokenFloats | None = None,
    ) -> list[list[Credit | None]]:
        """Give each step its generalized advantage, and the critic the returns that it should have expected.

        A penalty for leaving the start policy is part of the reward: of the turn, or of each token. Nothing is expected
        after the last turn, however the episode ended. A trajectory without turns has no credit. With a `kl_target`,
        each call adapts the coefficient for the next. Raises ConfigError where turns' rewards are no parts of the
        return; ValueError without `values` or, for a `kl`, without `reference`, and where they are not finite or not of
        the shape of the sampled tokens.
        """
        if values is None:
            raise ValueError("found no values; expected those of a critic: announce the algorithm with needs_values")
        costs = self._costs(groups, reference)
        steps: list[list[tuple[Floats, Floats]]] = []
        for group, of_group, cost in zip(groups, values, costs, strict=True):
            steps.append(
                [
                    self._advantages(trajectory, own, penalty)
                    for trajectory, own, penalty in zip(group.usable, of_group, cost, strict=True)
                ]
            )
        flat = [value for of_group in steps for advantages, _ in of_group for turn in advantages for value in turn]
        rest = iter(normalize(flat) if self.config.normalize_advantages else flat)
        return [[self._credited(advantages, returns, rest) for advantages, returns in of_group] for of_group in steps]

    def reference_weight(self) -> float:
        """Return the weight of the KL penalty that the run starts with."""
        return float(self.config.kl)

    def entropy_weight(self) -> float:
        """Return the weight of the entropy in the loss."""
        return float(self.config.entropy)

    def critic(self) -> CriticConfig:
        """Return the options of the critic."""
        critic: CriticConfig = self.config.critic
        return critic

    def state(self) -> dict[str, float]:
        """Return the coefficient of an adaptive penalty, as the next update takes it."""
        return {} if self.config.kl_target is None else {"kl_coefficient": self._kl}

    def restore(self, state: Mapping[str, float]) -> None:
        """Take up the coefficient of an adaptive penalty."""
        self._kl = state.get("kl_coefficient", self._kl)

    def _advantages(self, trajectory: Trajectory, values: Floats, costs: Floats) -> tuple[Floats, Floats]:
        """Return advantages and returns, [turn][step]: a turn is one step, or as many as it has tokens."""
        turns = trajectory.turns
        if [len(own) for own in values] != [len(turn.token_ids) for turn in turns] or not all(map(len, values)):
            raise ValueError(
                f"found values of {[len(own) for own in values]} tokens by turn for task {trajectory.task.id!r}; "
                f"expected one for each sampled token, {[len(turn.token_ids) for turn in turns]}, and some at each turn"
            )
        if self.config.level == "turn":
            values, costs = [own[:1] for own in values], [[math.fsum(own)] for own in costs]
        rewards = [[-cost for cost in own] for own in costs]
        for own, reward in zip(rewards, turn_rewards(trajectory, self.config.rewards), strict=True):
            own[-1] += reward
        expected = [value for own in values for value in own]
        # Observations are no steps: after the last token of an answer comes the first of the next one.
        advantages = gae(
            [reward for own in rewards for reward in own], expected, self.config.discount, self.config.gae_lambda
        )
        returns = [advantage + value for advantage, value in zip(advantages, expected, strict=True)]
        lengths = [len(own) for own in values]
        return _cut(advantages, lengths), _cut(returns, lengths)

    def _credited(self, advantages: Floats, returns: Floats, rest: Iterator[float]) -> Credit | None:
        """Return the credit of one trajectory; `rest` yields its advantages as they are given, and is moved on."""
        given = [tuple(next(rest) for _ in turn) for turn in advantages]
        targets = tuple(tuple(turn) for turn in returns)
        if not given:
            return None
        if self.config.level == "turn":
            return Credit(turns=tuple(value for (value,) in given), returns=targets)
        return Credit(tokens=tuple(given), returns=targets)

    def _costs(self, groups: Sequence[Group], reference: TokenFloats | None) -> list[list[list[list[float]]]]:
        """Return what each sampled token pays for leaving the start policy, and adapt the price of the next update."""
        if self.config.kl == 0.0:
            return [[[[0.0] * len(t.token_ids) for t in each.turns] for each in group.usable] for group in groups]
        if reference is None:
            raise ValueError("found a kl above 0 but no reference logprobs; expected those of the start policy")
        divergences = [
            [
                [
                    [own - other for own, other in zip(turn.logprobs, of_turn, strict=True)]
                    for turn, of_turn in zip(trajectory.turns, of_trajectory, strict=True)
                ]
                for trajectory, of_trajectory in zip(group.usable, of_group, strict=True)
            ]
            for group, of_group in zip(groups, reference, strict=True)
        ]
        price = self._kl
        wholes = [math.fsum(k for turn in own for k in turn) for of_group in divergences for own in of_group if own]
        if self.config.kl_target is not None and wholes:
            self._kl = adapted(price, math.fsum(wholes) / len(wholes), self.config.kl_target)
        return [[[[price * k for k in turn] for turn in own] for own in of_group] for of_group in divergences]



def _cut(values: Sequence[float], lengths: Sequence[int]) -> list[list[float]]:
    rest = iter(values)
    return [[next(rest) for _ in range(length)] for length in lengths]
