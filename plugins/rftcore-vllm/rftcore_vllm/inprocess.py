"""The sampler `vllm`: AsyncLLM in this process."""

from __future__ import annotations

from typing import Any, ClassVar

from rftcore_vllm.config import EngineConfig
from rftcore_vllm.engine import Engine
from rftcore_vllm.outside import Backend, OutsideSampler
from rftcore_vllm.probe import Probe
from rftcore_vllm.weights import Weights


class VllmSampler(OutsideSampler):
    """Samples with vLLM's own engine."""

    Config = EngineConfig

    name: ClassVar[str] = "vllm"

    def _backend(self, model: Any, weights: Weights) -> Backend:
        probe = Probe(model, self.config.tolerance)
        return Engine(model, weights, probe, self.config, self.max_context)
