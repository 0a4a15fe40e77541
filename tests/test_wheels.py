"""Every distribution builds a wheel that is whole, and the wheels together are a working rftcore."""

from __future__ import annotations

import email
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = [ROOT, *sorted(folder.parent for folder in ROOT.glob("plugins/*/pyproject.toml"))]
SHIPPED = {".py", ".typed", ".css", ".js", ".json", ".jinja", ".safetensors", ".txt", ".html", ".gz", ".template"}
"""What belongs into a wheel when it lies in a package."""

PYTHONS = [f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name of each distribution's folder -> its wheel."""
    built = {}
    for folder in FOLDERS:
        out = tmp_path_factory.mktemp("dist")
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{folder.name}\n{done.stdout}\n{done.stderr}"
        (built[folder.name],) = out.glob("*.whl")
    return built


def package(folder: Path) -> Path:
    return folder / ("rftcore" if folder == ROOT else folder.name.replace("-", "_"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: "core" if folder == ROOT else folder.name)
def test_a_wheel_holds_the_whole_package_its_types_and_the_licence(folder: Path, wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels[folder.name]) as wheel:
        names = set(wheel.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(wheel.read(metadata))
    sources = package(folder)
    expected = {
        file.relative_to(folder).as_posix()
        for file in sources.rglob("*")
        if file.suffix in SHIPPED and "__pycache__" not in file.parts
    }
    assert expected <= names
    assert f"{sources.name}/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "test" in Path(name).parts or name.endswith(".pyc")]
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Requires-Python"] == ">=3.11"
    assert set(PYTHONS) <= set(about.get_all("Classifier", []))
    assert about["Summary"]
    assert len(str(about.get_payload())) > 200, "the README is the page of the distribution"


def test_the_policy_that_ships_is_small(wheels: dict[str, Path]) -> None:
    assert wheels["rftcore-tiny"].stat().st_size <= 4_000_000


def test_the_wheels_alone_are_found_and_sound(wheels: dict[str, Path], tmp_path: Path) -> None:
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", "from rftcore.cli import main; main()", "plugins", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["dist"]: row for row in json.loads(done.stdout)["plugins"]}
    announcing = {folder.name for folder in FOLDERS[1:] if (package(folder) / "plugin.py").is_file()}
    assert {"rftcore", *announcing} <= set(rows)
    assert {row["status"] for row in rows.values()} == {"ok"}, rows
