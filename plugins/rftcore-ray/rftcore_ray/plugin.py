"""Announces the executor `ray`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import ExecutorSpec


@hookimpl
def rft_executors() -> tuple[ExecutorSpec, ...]:
    """Announce the executor."""
    return (
        ExecutorSpec(
            name="ray",
            target="rftcore_ray.executor:Ray",
            summary="independent jobs on Ray, on this machine or on a cluster",
        ),
    )
