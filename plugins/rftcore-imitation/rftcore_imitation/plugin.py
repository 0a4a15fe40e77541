"""Announces the algorithm `imitation`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import AlgorithmSpec


@hookimpl
def rft_algorithms() -> AlgorithmSpec:
    """Announce imitation."""
    return AlgorithmSpec(
        name="imitation",
        target="rftcore_imitation.algorithm:Imitation",
        loss="rftcore_imitation.loss:imitation_loss",
        summary="Supervised learning from experts, from recorded trajectories, or from the agent's own successes",
        grouped=False,
    )
