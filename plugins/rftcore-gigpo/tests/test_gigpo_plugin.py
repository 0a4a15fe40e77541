"""What the plugin announces, that the names lead somewhere, and that announcing imports nothing heavy."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import entry_points

from rftcore.algorithm import Algorithm
from rftcore_gigpo import plugin
from rftcore_gigpo.algorithm import GiGPO


def resolve(target: str) -> object:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def test_one_algorithm_is_announced_and_its_names_lead_to_it() -> None:
    (spec,) = plugin.rft_algorithms()
    assert spec.name == GiGPO.name == "gigpo"
    assert resolve(spec.target) is GiGPO
    assert issubclass(GiGPO, Algorithm)
    assert callable(resolve(spec.loss))
    assert spec.grouped
    assert spec.needs_reference
    assert not spec.needs_values


def test_installed_entry_point_names_the_plugin_module() -> None:
    (entry,) = entry_points(group="rftcore", name="gigpo")
    assert entry.load() is plugin


def test_announcing_imports_neither_pydantic_nor_torch() -> None:
    check = (
        "import sys; from rftcore_gigpo.plugin import rft_algorithms; rft_algorithms(); "
        "sys.exit(', '.join({'pydantic', 'numpy', 'torch', 'rftcore_gigpo.algorithm'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", check], check=False, capture_output=True, text=True)
    assert result.stderr.strip() == ""
