"""Announces the algorithm `opo`; imports nothing of it."""

from rftcore.hookspecs import hookimpl
from rftcore.specs import AlgorithmSpec


@hookimpl
def rft_algorithms() -> AlgorithmSpec:
    """Announce OPO."""
    return AlgorithmSpec(
        name="opo",
        target="rftcore_opo.algorithm:OPO",
        loss="rftcore_opo.loss:opo_loss",
        summary="The plain policy gradient with the baseline of least variance",
    )
