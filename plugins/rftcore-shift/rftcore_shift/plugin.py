"""Announces the environment `shift`; imports nothing else."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="shift",
            target="rftcore_shift.environment:Shift",
            summary="another environment with another interface: action list, action syntax, feedback, wording",
            bridge=True,
        )
    ]
