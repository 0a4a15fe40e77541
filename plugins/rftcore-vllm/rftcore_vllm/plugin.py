"""Announces the sampler `vllm-server`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import SamplerSpec


@hookimpl
def rft_samplers() -> tuple[SamplerSpec, ...]:
    """Announce vLLM over HTTP."""
    return (
        SamplerSpec(
            name="vllm-server",
            target="rftcore_vllm.sampler:VllmServerSampler",
            config="rftcore_vllm.config:ServerConfig",
            summary="replicas of `vllm serve`, started here or named by URL",
            needs=("rftcore[train]", "rftcore-vllm"),
        ),
    )
