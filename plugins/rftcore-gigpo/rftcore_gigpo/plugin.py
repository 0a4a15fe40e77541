"""Announces the algorithm `gigpo`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import AlgorithmSpec


@hookimpl
def rft_algorithms() -> tuple[AlgorithmSpec, ...]:
    """Announce GiGPO."""
    return (
        AlgorithmSpec(
            name="gigpo",
            target="rftcore_gigpo.algorithm:GiGPO",
            loss="rftcore_gigpo.loss:gigpo_loss",
            summary="Group-normalized returns, and for each turn what it led to against other turns in the same state",
            needs_reference=True,
        ),
    )
