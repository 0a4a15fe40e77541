"""Announces the algorithm `ppo`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import AlgorithmSpec


@hookimpl
def rft_algorithms() -> tuple[AlgorithmSpec, ...]:
    """Announce PPO."""
    return (
        AlgorithmSpec(
            name="ppo",
            target="rftcore_ppo.algorithm:PPO",
            loss="rftcore_ppo.loss:ppo_loss",
            summary="PPO with a critic: generalized advantages over turns or tokens, clipped ratio and clipped values",
            grouped=False,
            needs_values=True,
            needs_reference=True,
        ),
    )
