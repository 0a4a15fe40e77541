"""`import rftcore` is free: nothing heavy, nothing changed, nothing discovered."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import rftcore

HEAVY = {"pydantic", "numpy", "torch", "transformers", "omegaconf"}


def child(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_rftcore_imports_nothing_heavy_and_takes_under_a_fifth_of_a_second() -> None:
    code = """
import sys, time
start = time.process_time()
import rftcore
seconds = time.process_time() - start
print(seconds, *(name for name in sys.modules if "." not in name))
"""
    seconds, *modules = child(code).split()
    assert float(seconds) < 0.2
    assert not HEAVY & set(modules)
    assert not {"pluggy", "typer", "rich"} & set(modules)


def test_import_rftcore_changes_nothing_in_the_process() -> None:
    child("""
import logging, os, sys, threading, warnings
def state():
    return (dict(os.environ), logging.root.level, logging.root.handlers[:], warnings.filters[:], sys.path[:],
            sys.meta_path[:], threading.active_count())
before = state()
import rftcore, rftcore.registry, rftcore.plugins, rftcore.hookspecs, rftcore.specs
assert state() == before
assert rftcore.plugins._found is None
""")


def test_asking_for_names_imports_no_implementation(counting_site: object) -> None:
    code = """
import sys
from rftcore import registry
registry.names("environment"), registry.names("algorithm")
print(*(name for name in sys.modules if "." not in name or name.startswith("rftcore")))
"""
    done = counting_site.run("-c", code)  # type: ignore[attr-defined]
    modules = set(done.stdout.split())
    assert "rftcore_counting.plugin" in modules
    assert "rftcore_counting.environment" not in modules
    assert not HEAVY & modules


@pytest.mark.parametrize("arguments", [["plugins"], ["plugins", "--json"], ["info", "hf"], ["--help"]])
def test_the_light_commands_never_import_torch(arguments: list[str]) -> None:
    code = """
import sys
from rftcore.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert not {"torch", "transformers", "numpy"} & set(sys.modules)
"""
    child(code, *arguments)


def test_exports_are_few_and_their_three_lists_agree() -> None:
    tree = ast.parse(Path(str(rftcore.__file__)).read_text(encoding="utf-8"))
    mirror = {
        alias.name: node.module
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert mirror == rftcore._HOME
    assert sorted(rftcore.__all__) == sorted([*mirror, "__version__"]) == dir(rftcore)
    assert len(rftcore.__all__) <= 25


@pytest.mark.parametrize("name", sorted(rftcore._HOME))
def test_every_export_is_there(name: str) -> None:
    value = getattr(rftcore, name)
    assert value.__name__ == ("HookimplMarker" if name == "hookimpl" else name) if isinstance(value, type) else value


def test_the_version_is_the_installed_one_and_an_unknown_name_is_an_attribute_error() -> None:
    assert rftcore.__version__ == "0.1.0"
    with pytest.raises(AttributeError, match="module 'rftcore' has no attribute 'Trainer'"):
        _ = rftcore.Trainer


def test_exported_names_are_lazy_in_a_fresh_process() -> None:
    code = """
import json, sys
import rftcore
rftcore.hookimpl, rftcore.RftError
light = sorted({"pluggy", "pydantic"} & set(sys.modules))
rftcore.Task
print(json.dumps([light, sorted({"pluggy", "pydantic"} & set(sys.modules))]))
"""
    assert json.loads(child(code)) == [["pluggy"], ["pluggy", "pydantic"]]
