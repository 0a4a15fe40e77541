"""Announces the environment `verifiers`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="verifiers",
            target="rftcore_verifiers.environment:Verifiers",
            summary="plays a text environment of verifiers or the Environments Hub, which its option `id` says",
            needs=("verifiers",),
            bridge=True,
        )
    ]
