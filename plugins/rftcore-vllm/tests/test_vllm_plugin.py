"""What the plugin announces, that the names lead somewhere, and that checking options needs neither vLLM nor torch."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

import pytest

from rftcore import registry
from rftcore.errors import ConfigError
from rftcore.options import validate
from rftcore.sampler import Sampler
from rftcore_vllm import plugin, program
from rftcore_vllm.config import EngineConfig, ServerConfig
from rftcore_vllm.inprocess import VllmSampler
from rftcore_vllm.sampler import VllmServerSampler


def resolve(target: str) -> object:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def test_the_samplers_are_announced_and_their_names_lead_to_them() -> None:
    engine, server = plugin.rft_samplers()
    assert engine.name == VllmSampler.name == "vllm"
    assert resolve(engine.target) is VllmSampler
    assert resolve(engine.config) is VllmSampler.Config is EngineConfig
    assert server.name == VllmServerSampler.name == "vllm-server"
    assert resolve(server.target) is VllmServerSampler
    assert resolve(server.config) is VllmServerSampler.Config is ServerConfig
    assert issubclass(VllmServerSampler, Sampler)


def test_installed_entry_point_names_the_plugin_module() -> None:
    (entry,) = entry_points(group="rftcore", name="vllm")
    assert entry.load() is plugin


def test_options_are_checked_without_torch_and_without_vllm() -> None:
    check = (
        "import sys; from rftcore import registry; registry.config('sampler', 'vllm-server')(); "
        "sys.exit(', '.join({'torch', 'vllm', 'aiohttp'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", check], check=False, capture_output=True, text=True)
    assert result.stderr.strip() == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": ["http://a:1"]}, "did you mean 'urls'"),
        ({"urls": ["a:1"]}, r"sampler.urls: found \['a:1'\], expected each as http://HOST:PORT or https://HOST:PORT"),
        ({"urls": ["http://me:secret@a:1"]}, "sampler.urls: .*without user, password or query"),
        ({"urls": ["http://a:1/?key=secret"]}, "without user, password or query"),
        ({"urls": ["http://a:1"], "replicas": 2}, "either urls of replicas that run, or replicas and arguments"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_wrong_options_are_told_with_their_path(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(registry.config("sampler", "vllm-server"), options, "sampler")


def test_a_machine_without_vllm_is_known_before_a_run_starts() -> None:
    assert registry.missing("sampler", "vllm") == ("rftcore-vllm[vllm]",)
    assert registry.missing("sampler", "vllm-server") == ()


def test_without_vllm_both_samplers_say_what_to_install(
    build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ConfigError, match=r"`vllm` needs vLLM, which cannot be imported here .*pip install vllm"):
        VllmSampler(model=build())
    monkeypatch.setattr(program, "sys", SimpleNamespace(executable="/nowhere/python"))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match=r"found no program `vllm`, .*pip install vllm, .*sampler.urls"):
        VllmServerSampler(model=build())
