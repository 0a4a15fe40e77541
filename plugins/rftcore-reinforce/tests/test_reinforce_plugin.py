"""What the plugin announces, that the names lead somewhere, and that announcing imports nothing heavy."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import entry_points

from rftcore.algorithm import Algorithm
from rftcore_reinforce import plugin


def resolve(target: str) -> object:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def test_three_algorithms_are_announced_and_their_names_lead_to_them() -> None:
    specs = {spec.name: spec for spec in plugin.rft_algorithms()}
    assert list(specs) == ["reinforce", "rloo", "reinforce_pp"]
    for name, spec in specs.items():
        found = resolve(spec.target)
        assert isinstance(found, type)
        assert issubclass(found, Algorithm)
        assert found.name == name
        assert callable(resolve(spec.loss))
        assert spec.needs_reference == found.reference_in_credit
        assert not spec.needs_values
    assert [spec.grouped for spec in specs.values()] == [False, True, False]


def test_installed_entry_point_names_the_plugin_module() -> None:
    (entry,) = entry_points(group="rftcore", name="reinforce")
    assert entry.load() is plugin


def test_announcing_imports_neither_pydantic_nor_torch() -> None:
    check = (
        "import sys; from rftcore_reinforce.plugin import rft_algorithms; rft_algorithms(); "
        "sys.exit(', '.join({'pydantic', 'numpy', 'torch', 'rftcore_reinforce.rloo'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", check], check=False, capture_output=True, text=True)
    assert result.stderr.strip() == ""
