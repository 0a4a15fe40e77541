"""What the plugin announces, that the names lead somewhere, and that announcing imports nothing heavy."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import entry_points

from rftcore_imitation import plugin
from rftcore_imitation.algorithm import Imitation


def resolve(target: str) -> object:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def test_imitation_is_announced_and_its_names_lead_to_it() -> None:
    spec = plugin.rft_algorithms()
    assert spec.name == Imitation.name == "imitation"
    assert resolve(spec.target) is Imitation
    assert callable(resolve(spec.loss))
    assert not (spec.grouped or spec.needs_reference or spec.needs_values)


def test_installed_entry_point_names_the_plugin_module() -> None:
    (entry,) = entry_points(group="rftcore", name="imitation")
    assert entry.load() is plugin


def test_announcing_imports_neither_pydantic_nor_torch() -> None:
    check = (
        "import sys; from rftcore_imitation.plugin import rft_algorithms; rft_algorithms(); "
        "sys.exit(', '.join({'pydantic', 'numpy', 'torch', 'rftcore_imitation.algorithm'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", check], check=False, capture_output=True, text=True)
    assert result.stderr.strip() == ""
