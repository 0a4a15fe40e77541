"""What this distribution offers to rftcore; importing it imports no implementation."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    """Announce the environment."""
    return [
        EnvironmentSpec(
            name="babyai",
            target="rftcore_babyai.environment:BabyAI",
            summary="BabyAI grid worlds in text: go to, pick up, open and put, in one room or in mazes",
        )
    ]
