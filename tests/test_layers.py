"""The layers hold, and whoever adds a package to the repository adds it to what is checked."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_imports_go_down_the_layers_only() -> None:
    """What `lint-imports` prints names the contract and the import that breaks it."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_of_the_repository_is_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    packages = {file.parent.name for file in ROOT.glob("plugins/*/rftcore_*/__init__.py")}
    independence = next(contract for contract in settings["contracts"] if contract["type"] == "independence")
    assert set(settings["root_packages"]) == {"rftcore", *packages}
    assert set(independence["modules"]) == packages


def test_every_plugin_is_a_distribution_named_like_its_folder() -> None:
    for folder in sorted(ROOT.glob("plugins/rftcore-*")):
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert project["name"] == folder.name
        assert (folder / folder.name.replace("-", "_") / "__init__.py").is_file()
