"""Announces the algorithm `grpo`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import AlgorithmSpec


@hookimpl
def rft_algorithms() -> tuple[AlgorithmSpec, ...]:
    """Announce GRPO."""
    return (
        AlgorithmSpec(
            name="grpo",
            target="rftcore_grpo.algorithm:GRPO",
            loss="rftcore_grpo.loss:grpo_loss",
            summary="Group-normalized returns; options give GRPO, Dr. GRPO, DAPO, GSPO, CISPO and SAPO",
            needs_reference=True,
        ),
    )
