"""The layers hold, whoever adds a package adds it to what is checked, and no file or function outgrows the house."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("rftcore", "plugins", "tests", "examples", "benchmarks", "docs", "scripts")
LINES, LINES_OF_A_FUNCTION = 400, 60


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


def too_long(source: str) -> Iterator[str]:
    """Yield what has more lines than a file or a function of the house, signature and docstring included."""
    if (lines := len(source.splitlines())) > LINES:
        yield f"{lines} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES_OF_A_FUNCTION:
                yield f"{node.name} with {lines} lines"


def test_no_file_and_no_function_is_longer_than_one_reads_at_once() -> None:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    found = {
        str(file.relative_to(ROOT)): told
        for file in files
        if not {".venv", "build", "node_modules"} & set(file.relative_to(ROOT).parts)
        and (told := list(too_long(file.read_text(encoding="utf-8"))))
    }
    assert len(files) > 400
    assert found == {}


def test_a_line_more_than_that_is_found() -> None:
    function = "async def long():\n" + "    pass\n" * 59
    assert list(too_long(function + "\n" * 340)) == []
    assert list(too_long(function + "    pass\n")) == ["long with 61 lines"]
    assert list(too_long(function + "\n" * 341)) == ["401 lines"]
