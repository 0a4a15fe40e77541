"""Announces the samplers `vllm` and `vllm-server`; imports nothing of them."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import SamplerSpec


@hookimpl
def rft_samplers() -> tuple[SamplerSpec, ...]:
    """Announce vLLM in process and over HTTP."""
    return (
        SamplerSpec(
            name="vllm",
            target="rftcore_vllm.inprocess:VllmSampler",
            config="rftcore_vllm.config:EngineConfig",
            summary="vLLM's engine in this process",
            needs=("rftcore[train]", "rftcore-vllm[vllm]"),
        ),
        SamplerSpec(
            name="vllm-server",
            target="rftcore_vllm.sampler:VllmServerSampler",
            config="rftcore_vllm.config:ServerConfig",
            summary="replicas of `vllm serve`, started here or named by URL",
            needs=("rftcore[train]", "rftcore-vllm"),
        ),
    )
