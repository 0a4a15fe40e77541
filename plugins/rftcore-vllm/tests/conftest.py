"""Contract servers to sample from, and a real tiny model for them.

`test_vllm_contract.py` runs against one here, and against a real server in `make test-vllm`, so that the two cannot
drift apart.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import torch

from rftcore_vllm.sampler import VllmServerSampler

torch.set_num_threads(1)  # a server and a learner in one process: two threads each would wait for each other


def _sibling(name: str) -> Any:
    """Import a file of this folder, which is no package."""
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_sibling("across")
_sibling("learner")
_sibling("soak")
build = _sibling("contract_engine").build
ContractServer: Any = _sibling("contract_server").ContractServer


@pytest.fixture(name="build", scope="session")
def _build() -> Callable[..., Any]:
    """`build(seed=0)` makes a tiny model."""
    return build


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """`serve(model, **options)` starts a contract server."""
    started: list[Any] = []

    def start(model: Any, **options: Any) -> Any:
        server = ContractServer(model, **options)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., VllmServerSampler]]:
    """`connect(model, *servers, **options)` returns a sampler on contract servers."""
    made: list[VllmServerSampler] = []

    def make(model: Any, *servers: Any, **options: Any) -> VllmServerSampler:
        urls = tuple(server.url for server in servers)
        chosen = {"timeout": 60.0, "start_timeout": 60.0, **options}
        made.append(VllmServerSampler(urls=urls, model=model, **chosen))
        return made[-1]

    yield make
    for sampler in made:
        asyncio.run(sampler.close())
