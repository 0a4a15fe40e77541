"""Every kind of new package builds, installs from its wheel, passes its own tests, and keeps what is asked of it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest

from rftcore.template import KINDS, Package, write

ROOT = Path(__file__).parents[1]


class New(NamedTuple):
    """Packages of every kind, and a virtual environment that they are installed in."""

    folder: Path
    python: Path

    def package(self, kind: str) -> Path:
        return self.folder / Package(kind, NAMES[kind]).dist

    def packages(self) -> list[str]:
        return [str(self.package(kind)) for kind in KINDS]

    def run(self, kind: str, *arguments: str) -> str:
        return call(self.package(kind), str(self.python), *arguments)


NAMES = {
    "environment": "two-jugs",
    "algorithm": "mean_baseline",
    "curriculum": "half-way",
    "metric": "how-long-and-how-roundabout-episodes-are",
}
"""With either separator, and as long as allowed, for the length of lines."""


def call(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PIP_NO_COMPILE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> New:
    """What the packages need comes from this interpreter's packages; they themselves from their wheels alone."""
    folder = tmp_path_factory.mktemp("new")
    call(folder, sys.executable, "-m", "venv", "--without-pip", "fresh")
    python = folder / "fresh" / "bin" / "python"
    site = call(folder, str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    here = sysconfig.get_path("purelib")
    (Path(site) / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n", encoding="utf-8")
    made = New(folder, python)
    for kind in KINDS:
        write(Package(kind, NAMES[kind]), made.package(kind))
        call(made.package(kind), sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist"))
    wheels = [str(wheel) for wheel in (folder / "dist").glob("*.whl")]
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    call(folder, *pip, *wheels)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_pass_where_its_wheel_is_installed(kind: str, new: New) -> None:
    """Those hold it to what its kind promises as well."""
    assert " passed" in new.run(kind, "-m", "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.parametrize(("kind", "level"), [("environment", "full"), ("curriculum", "static")])
def test_it_keeps_what_its_own_tests_do_not_ask_for(kind: str, level: str, new: New) -> None:
    """An environment's go no further than level light; a curriculum's name other options than the command for users."""
    program, *arguments = Package(kind, NAMES[kind]).check.replace("--level full", f"--level {level}").split()
    assert program == "rftcore"
    assert " kept" in new.run(kind, "-c", "from rftcore.cli import main; main()", *arguments)


def test_they_are_clean(new: New) -> None:
    """Each by the settings in its own folder."""
    call(new.folder, sys.executable, "-m", "ruff", "check", "--no-cache", *new.packages())
    call(new.folder, sys.executable, "-m", "ruff", "format", "--no-cache", "--check", *new.packages())


def test_their_types_hold(new: New) -> None:
    """All at once, and in this folder, where `make lint` leaves what it knows of all that they import."""
    packages = [new.package(kind) / Package(kind, NAMES[kind]).package for kind in KINDS]
    call(ROOT, sys.executable, "-m", "mypy", "--strict", *map(str, packages))


def test_the_wheels_hold_types_and_licence_and_no_test(new: New) -> None:
    wheels = list((new.folder / "dist").glob("*.whl"))
    assert len(wheels) == len(KINDS)
    for wheel in wheels:
        names = ZipFile(wheel).namelist()
        assert any(name.endswith("/py.typed") for name in names)
        assert any(name.endswith("licenses/LICENSE") for name in names)
        assert not [name for name in names if name.startswith("tests/")]
