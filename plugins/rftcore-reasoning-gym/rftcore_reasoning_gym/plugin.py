"""Announces the environment `reasoning-gym`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="reasoning-gym",
            target="rftcore_reasoning_gym.environment:ReasoningGym",
            summary="asks the generated problems of a reasoning-gym dataset, which its option `dataset` says",
            needs=("reasoning-gym",),
            bridge=True,
        )
    ]
