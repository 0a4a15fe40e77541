"""Core's own announcements, through the same hooks as everybody's: whatever a plugin can do is tried out here first."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.runlog import (
    rft_evaluated,
    rft_group_finished,
    rft_run_finished,
    rft_run_started,
    rft_update_finished,
)
from rftcore.specs import ExecutorSpec, PolicySpec, SamplerSpec

__all__ = [
    "rft_evaluated",
    "rft_executors",
    "rft_group_finished",
    "rft_policies",
    "rft_run_finished",
    "rft_run_started",
    "rft_samplers",
    "rft_update_finished",
]


@hookimpl
def rft_policies() -> list[PolicySpec]:
    """The floor and the ceiling of every table, and a policy that repeats what was recorded."""
    return [
        PolicySpec(
            name="oracle",
            target="rftcore.policies.oracle:Oracle",
            summary="plays the environment's own expert: the ceiling of every table",
        ),
        PolicySpec(
            name="random",
            target="rftcore.policies.random:Random",
            summary="draws from the available actions or the grammar: the floor of every table",
        ),
        PolicySpec(
            name="replay",
            target="rftcore.policies.replay:Replay",
            summary="repeats the actions of recorded trajectories",
        ),
    ]


@hookimpl
def rft_samplers() -> list[SamplerSpec]:
    """The Hugging Face sampler, the only one that needs nothing but core."""
    return [
        SamplerSpec(
            name="hf",
            target="rftcore.train.sampler:HFSampler",
            config="rftcore.schemas.config:HFSamplerConfig",
            summary="Hugging Face causal LMs in this process, with the KV cache kept across turns",
            needs=("rftcore[train]",),
        )
    ]


@hookimpl
def rft_executors() -> list[ExecutorSpec]:
    """Where the jobs of a study run on one machine."""
    return [
        ExecutorSpec(
            name="inline",
            target="rftcore.executors.inline:Inline",
            summary="one job after the other in this process",
        ),
        ExecutorSpec(
            name="processes",
            target="rftcore.executors.processes:Processes",
            summary="independent jobs side by side, each in its own process with one torch thread",
        ),
    ]
