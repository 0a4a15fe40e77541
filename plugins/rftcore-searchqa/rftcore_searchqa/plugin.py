"""What this distribution offers to rftcore; importing it imports no implementation."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    """Announce the environment."""
    return [
        EnvironmentSpec(
            name="searchqa",
            target="rftcore_searchqa.environment:SearchQA",
            summary="questions of one to four hops, answered by searching an encyclopaedia",
        )
    ]
