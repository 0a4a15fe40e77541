"""The contract of an algorithm: a torch-free credit function and the name of a pure loss.

`credit` turns finished groups into floats. The loss, named in the `AlgorithmSpec`, turns the learner's tensors into a
scalar. The learner knows neither; an algorithm knows neither the learner nor the sampler.

The loss is a function of torch tensors, all [rows, positions] unless said otherwise:

    def loss(*, logprobs, old_logprobs, advantages, mask, config, reference_logprobs=None, values=None,
             old_values=None, returns=None, tokens=None, rows=None) -> tuple[scalar, dict[str, float]]

`logprobs` carry the gradient, `mask` is 1.0 at sampled tokens and 0.0 elsewhere, `tokens` (int) is the number of
sampled tokens and `rows` (int) the number of rows of the WHOLE update, of which these rows may be one micro-batch: a
loss that averages divides by them, so that the sum over micro-batches is the loss of the whole update.
The second value holds sums or means for the log, as plain floats, already weighted the same way so that adding
micro-batches gives the figure of the update.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group

TokenFloats = Sequence[Sequence[Sequence[Sequence[float]]]]
"""[group][usable trajectory][turn][token], such as a critic's values."""


class Algorithm(ABC):
    """Assigns credit to trajectories; its `Config` also configures its loss."""

    class Config(Frozen):
        """Options of the credit and of the loss; the defaults are the vetted setting."""

    name: ClassVar[str]

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
        `values` and `reference` are None in this version: the learner has no critic, and a run refuses an algorithm
        whose spec says `needs_values`. The loss, not the credit, gets the reference logprobs.
        """

    def reference_weight(self) -> float:
        """Return how strongly the loss pulls to the start policy; 0.0 spares its forward pass.

        More than 0.0 needs a spec that says `needs_reference`.
        """
        return 0.0
