"""Announces the algorithms `reinforce`, `rloo` and `reinforce_pp`; imports nothing of them."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import AlgorithmSpec


@hookimpl
def rft_algorithms() -> tuple[AlgorithmSpec, ...]:
    """Announce the REINFORCE family."""
    return (
        AlgorithmSpec(
            name="reinforce",
            target="rftcore_reinforce.reinforce:Reinforce",
            loss="rftcore_reinforce.loss:reinforce_loss",
            summary="The plain policy gradient, with the mean return of the batch as its baseline or none",
            version="2",
            grouped=False,
        ),
        AlgorithmSpec(
            name="rloo",
            target="rftcore_reinforce.rloo:RLOO",
            loss="rftcore_reinforce.loss:rloo_loss",
            summary="Each return against the mean of the others of its task; a trajectory is one action",
            needs_reference=True,
        ),
        AlgorithmSpec(
            name="reinforce_pp",
            target="rftcore_reinforce.reinforce_pp:ReinforcePP",
            loss="rftcore_reinforce.loss:reinforce_pp_loss",
            summary="REINFORCE++: advantages normalized over the batch, the KL penalty inside the reward",
            grouped=False,
            needs_reference=True,
        ),
    )
