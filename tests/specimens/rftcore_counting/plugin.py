"""Announces the specimen."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import AlgorithmSpec, EnvironmentSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="counting",
            target="rftcore_counting.environment:Counting",
            summary="count to a number",
        ),
        EnvironmentSpec(
            name="uncounted",
            target="rftcore_counting.environment:Missing",
            summary="its class is not there",
        ),
        EnvironmentSpec(
            name="function",
            target="rftcore_counting.environment:not_a_class",
            summary="its target is a function",
        ),
    ]


@hookimpl
def rft_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            name="needy",
            target="rftcore_counting.needy:Needy",
            loss="rftcore_counting.needy:loss",
            summary="its module imports what is not installed",
            needs=("abacus",),
        ),
    ]
