"""Announces the environment `gymnasium`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="gymnasium",
            target="rftcore_gymnasium.environment:Gymnasium",
            summary="plays an environment of Gymnasium, which its option `id` says, in text",
            bridge=True,
        )
    ]
