"""Announces the environment `alfworld`; imports nothing else."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="alfworld",
            target="rftcore_alfworld.environment:ALFWorld",
            summary="household tasks in text: find, clean, heat, cool, place; generated or official games",
        )
    ]
