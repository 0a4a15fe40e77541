"""Announces the environment `webshop`; imports nothing else."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="webshop",
            target="rftcore_webshop.environment:WebShop",
            summary="find and buy the product that an instruction describes, in a web shop in text",
        )
    ]
