"""Announces the environment `sciworld`; imports nothing else."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="sciworld",
            target="rftcore_sciworld.environment:SciWorld",
            summary="science experiments in a simulated house; needs Java",
            version="2",
        )
    ]
