"""What the plugin announces, that the names lead somewhere, and that neither it nor the credit imports torch."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import entry_points

from rftcore_ppo import plugin
from rftcore_ppo.algorithm import PPO


def resolve(target: str) -> object:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def test_ppo_is_announced_and_its_names_lead_to_it() -> None:
    (spec,) = plugin.rft_algorithms()
    assert spec.name == PPO.name == "ppo"
    assert resolve(spec.target) is PPO
    assert callable(resolve(spec.loss))
    assert spec.needs_values and spec.needs_reference and not spec.grouped


def test_installed_entry_point_names_the_plugin_module() -> None:
    (entry,) = entry_points(group="rftcore", name="ppo")
    assert entry.load() is plugin


def test_announcing_imports_neither_pydantic_nor_torch_and_credit_needs_no_torch() -> None:
    check = (
        "import sys; from rftcore_ppo.plugin import rft_algorithms; rft_algorithms(); "
        "early = {'pydantic', 'numpy', 'torch', 'rftcore_ppo.algorithm'} & set(sys.modules); "
        "import rftcore_ppo.algorithm; "
        "sys.exit(', '.join(early | ({'numpy', 'torch'} & set(sys.modules))))"
    )
    result = subprocess.run([sys.executable, "-c", check], check=False, capture_output=True, text=True)
    assert result.stderr.strip() == ""
