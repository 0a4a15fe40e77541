"""The contract of an algorithm: a torch-free credit function and the name of a pure loss.

`credit` turns finished groups into floats. The loss, named in the `AlgorithmSpec`, turns the learner's tensors into a
scalar. The learner knows neither; an algorithm knows neither the learner nor the sampler.

The loss is a function of torch tensors, all [rows, positions] unless said otherwise:

    def loss(*, logprobs, old_logprobs, advantages, mask, config, reference_logprobs=None, tokens=None, rows=None,
             sampler_logprobs=None, entropy=None,
             values=None, old_values=None, returns=None, value_mask=None, targets=None)
             -> tuple[scalar, dict[str, float]]

`logprobs` carry the gradient, `mask` is 1.0 at sampled tokens and 0.0 elsewhere, `tokens` (int) is the number of
sampled tokens and `rows` (int) the number of rows of the WHOLE update, of which these rows may be one micro-batch: a
loss that averages divides by them, so that the sum over micro-batches is the loss of the whole update.
`old_logprobs` are those of the sampler. An algorithm that `corrects_sampler` gets them as `sampler_logprobs`, and as
`old_logprobs` what the learner computes from the weights before the update; all others are called without the former.
An algorithm with an `entropy_weight` gets `entropy` with its gradient. One whose spec says `needs_values` gets of its
critic: `values` with their gradient, `old_values` before the update, the `returns` of its credit, `value_mask`, which
is 1.0 where there is such a return, and `targets` (int), the number of those of the WHOLE update.
The second value holds sums or means for the log, as plain floats, already weighted the same way so that adding
micro-batches gives the figure of the update.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from rftcore.credit import TOLERANCE
from rftcore.errors import ConfigError
from rftcore.schemas.config import CriticConfig
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group, Trajectory

TokenFloats = Sequence[Sequence[Sequence[Sequence[float]]]]
"""`[group][usable trajectory][turn][token]`, such as a critic's values."""

Rewards = Literal["each", "outcome"]
"""What a turn is rewarded with: its own reward, or only the last one, with the return."""


class Demonstrations(Frozen):
    """Trajectories that an algorithm learns from in place of the model's own."""

    recording: str | None = None
    """A run's folder or a file of trajectories, whose answers are given again; None: the environments' experts play."""
    noise: float = Field(default=0.0, ge=0, le=1)
    """Share of an expert's turns that are random actions."""

    def samples(self, wanted: int) -> int:
        """Return how many of the `wanted` trajectories of a task there may be: an expert alone plays it one way."""
        return wanted if self.recording is not None or self.noise > 0 else 1


class Algorithm(ABC):
    """Assigns credit to trajectories; its `Config` also configures its loss."""

    class Config(Frozen):
        """Options of the credit and of the loss; the defaults are the vetted setting."""

    name: ClassVar[str]
    reference_in_credit: ClassVar[bool] = False
    """The pull to the start policy is part of the credit, which then gets `reference`; the loss gets none."""

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments."""
        self.config: Any = self.Config.model_validate(options) if config is None else config

    @abstractmethod
    def credit(
        self,
        groups: Sequence[Group],
        *,
        values: TokenFloats | None = None,
        reference: TokenFloats | None = None,
    ) -> list[list[Credit | None]]:
        """Return, for each group, one `Credit` for each of its `usable` trajectories.

        None means that the trajectory teaches nothing (a group without variance, say) and is left out of the update.
        `values` are given where the spec says `needs_values`: what the critic expects before each sampled token. Each
        `Credit` then has `returns`. `reference` holds the start policy's logprobs at the sampling temperature; it is
        given where `reference_in_credit` and `reference_weight()` is above 0.0.
        """

    def reference_weight(self) -> float:
        """Return how strongly loss or credit pull to the start policy; 0.0 spares its forward pass.

        More than 0.0 needs a spec that says `needs_reference`.
        """
        return 0.0

    def demonstrations(self) -> Demonstrations | None:
        """Return what is learned from in place of the model's own trajectories; None: from those."""
        return None

    def corrects_sampler(self) -> bool:
        """Return whether the loss tells learner and sampler apart; with minibatches it costs one more forward pass."""
        return False

    def entropy_weight(self) -> float:
        """Return how strongly the loss rewards entropy; 0.0 spares its backward pass."""
        return 0.0

    def critic(self) -> CriticConfig:
        """Return what critic to make; asked where the spec says `needs_values`."""
        return CriticConfig()

    def state(self) -> dict[str, float]:
        """Return what the algorithm carries from update to update, such as a coefficient that adapts.

        It is logged with each update, and stored in checkpoints, from which `restore` gets it back.
        """
        return {}

    def restore(self, state: Mapping[str, float]) -> None:
        """Take up what `state` returned when the run that is resumed was stored."""


def turn_rewards(trajectory: Trajectory, rewards: Rewards) -> list[float]:
    """Return the reward of each turn: its own (`each`), or the whole return at the last turn (`outcome`).

    Raises ConfigError when the turns' own rewards do not add up to the return.
    """
    if rewards == "outcome":
        return [0.0] * (len(trajectory.turns) - 1) + [trajectory.ret] * min(len(trajectory.turns), 1)
    own = [turn.reward for turn in trajectory.turns]
    if own and abs(math.fsum(own) - trajectory.ret) > TOLERANCE * max(1.0, abs(trajectory.ret)):
        raise ConfigError(
            f"found turns of task {trajectory.task.id!r} whose rewards add up to {math.fsum(own)}, and a "
            f"return of {trajectory.ret}; expected the same, as a turn is credited with what follows it: set "
            "algorithm.rewards to 'outcome', which credits the return alone"
        )
    return own
