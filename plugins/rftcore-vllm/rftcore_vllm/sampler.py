"""The sampler `vllm-server`: episodes over HTTP, none waiting for another, each with its context on one replica."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from rftcore_vllm.command import arguments
from rftcore_vllm.config import ServerConfig
from rftcore_vllm.outside import Backend, OutsideSampler
from rftcore_vllm.probe import Probe
from rftcore_vllm.replicas import Replicas
from rftcore_vllm.server import Server
from rftcore_vllm.servers import Kind, give_back, lend
from rftcore_vllm.transfer import Transfer, require_gpu
from rftcore_vllm.weights import Weights


class VllmServerSampler(OutsideSampler):
    """Samples from replicas of `vllm serve`."""

    Config = ServerConfig

    name: ClassVar[str] = "vllm-server"

    def _backend(self, model: Any, weights: Weights) -> Backend:
        urls, servers, config = self.config.urls, list[Server](), self.config
        transfer = None
        if config.transfer == "nccl":
            require_gpu(model)
            transfer = Transfer()
        if not urls:
            chosen = arguments(model, max_context=self.max_context)
            shape = {key: value for key, value in model.config.to_dict().items() if key != "_name_or_path"}
            kind = Kind(
                config.replicas,
                (*chosen, *config.arguments),
                on_cpu=next(model.parameters()).device.type == "cpu",
                shape=json.dumps(shape, sort_keys=True, default=str),
            )
            servers = lend(kind, weights.start)
            self._held.give_back.append(lambda: give_back(kind, servers))
            urls = tuple(server.url for server in servers)
        return Replicas(urls, servers, Probe(model, config.tolerance), config, weights.start, transfer)
