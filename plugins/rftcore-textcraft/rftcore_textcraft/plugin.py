"""Announces the environment `textcraft`; imports nothing else."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="textcraft",
            target="rftcore_textcraft.environment:TextCraft",
            summary="craft a goal item from raw ones; real recipes, commands in text",
        )
    ]
