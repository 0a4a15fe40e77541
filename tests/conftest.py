"""Specimens: distributions that are really installed, in a folder of their own, sound ones and broken ones.

A `Site` is a folder on the module search path of a child process. Tests ask it one thing and read what comes back, so
that nothing a specimen does reaches the test process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

SPECIMENS = Path(__file__).parent / "specimens"


def pytest_configure() -> None:
    """Take Ctrl-C, and let children take it, even where a shell in the background has all its jobs ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def _no_worker_outlives_its_file() -> Iterator[None]:
    """Fails a file of tests that leaves a worker of an executor running: it would live until pytest ends."""
    yield
    assert workers() == []


def workers() -> list[int]:
    """Return the workers of executors that this process started and that still run."""
    tasks = Path("/proc/self/task")
    children = [pid for task in tasks.iterdir() for pid in _read(task / "children").split()]
    return [int(pid) for pid in children if b"executors.worker" in _read(Path(f"/proc/{pid.decode()}/cmdline"))]


def _read(file: Path) -> bytes:
    """Return what the kernel tells of a thread or a process; nothing of one that has ended meanwhile."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        dist: str,
        source: str | None = None,
        *,
        version: str = "1.0",
        key: str = "",
        requires: Sequence[str] = ("rftcore>=0.1",),
    ) -> None:
        """Write the distribution `dist` with one plugin; without a source, its module must be in the folder already."""
        package = dist.replace("-", "_")
        if source is not None:
            (self.folder / package).mkdir()
            (self.folder / package / "__init__.py").write_text("")
            (self.folder / package / "plugin.py").write_text(source)
        info = self.folder / f"{package}-{version}.dist-info"
        info.mkdir()
        metadata = ["Metadata-Version: 2.1", f"Name: {dist}", f"Version: {version}"]
        metadata += [f"Requires-Dist: {line}" for line in requires]
        (info / "METADATA").write_text("\n".join(metadata) + "\n")
        (info / "entry_points.txt").write_text(f"[rftcore]\n{key or dist} = {package}.plugin\n")

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run this Python with the folder on its search path, first of all."""
        plain = {key: value for key, value in os.environ.items() if not key.startswith("RFTCORE_")}
        return subprocess.run(
            [sys.executable, *arguments],
            env={**plain, "PYTHONPATH": str(self.folder), **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def rftcore(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return self.run("-c", "from rftcore.cli import main; main()", *arguments, stdin=stdin, **environment)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty site."""
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder)


@pytest.fixture(scope="session")
def counting_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with the specimen environment `counting` alone."""
    folder = tmp_path_factory.mktemp("counting")
    (folder / "rftcore_counting").symlink_to(SPECIMENS / "rftcore_counting")
    site = Site(folder)
    site.install("rftcore-counting", version="1.2")
    return site


@pytest.fixture(scope="session")
def broken_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with `counting` and one distribution for every way to be wrong."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "rftcore_counting").symlink_to(SPECIMENS / "rftcore_counting")
    site = Site(folder)
    site.install("rftcore-counting", version="1.2")
    _install_broken(site)
    return site


_HEAD = """
from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec, MetricSpec

def environment(name):
    return EnvironmentSpec(name=name, target="somewhere:Thing", summary="a specimen")
"""

BROKEN = {
    "rftcore-no-import": "import abacus_that_nobody_has",
    "rftcore-exits": "raise SystemExit(3)",
    "rftcore-bad-spec": "@hookimpl\ndef rft_environments():\n    return [environment('Bad Name')]",
    "rftcore-misspelt": "@hookimpl\ndef rft_enviroments():\n    return [environment('misspelt')]",
    "rftcore-unmarked": "def rft_environments():\n    return [environment('unmarked')]",
    "rftcore-wrong-kind": "@hookimpl\ndef rft_metrics():\n    return [environment('wrong')]",
    "rftcore-silent": "@hookimpl\ndef rft_environments():\n    environment('silent')",
    "rftcore-twice": "@hookimpl\ndef rft_environments():\n    return [environment('twice'), environment('twice')]",
    "rftcore-argument": "@hookimpl\ndef rft_environments(colour):\n    return []",
    "rftcore-wrapper": "@hookimpl(wrapper=True)\ndef rft_run_started(event):\n    return (yield)",
    "rftcore-asks": "from rftcore import registry\nregistry.names('environment')",
}
"""Source of each broken plugin, behind `_HEAD`."""


def _install_broken(site: Site) -> None:
    for dist, body in BROKEN.items():
        site.install(dist, f"{_HEAD}\n{body}\n")
    twin = "@hookimpl\ndef rft_environments():\n    return [environment('twin'), environment('{own}')]"
    site.install("rftcore-twin-a", _HEAD + twin.format(own="castor"), version="1.0", key="twin")
    site.install("rftcore-twin-b", _HEAD + twin.format(own="pollux"), version="2.0", key="twin")
    future = "raise AssertionError('an incompatible plugin was imported')"
    site.install("rftcore-future", future, version="9.0", requires=["pluggy", "rftcore<100,>=99"])
    site.install("rftcore-unreadable", future, requires=["rftcore>=>1"])
    fine = _HEAD + "@hookimpl\ndef rft_environments():\n    return [environment('optional')]"
    site.install("rftcore-optional", fine, requires=["rftcore-other>=99", "rftcore>=99; extra == 'later'"])
    observer = "@hookimpl\ndef rft_update_finished(event):\n    {body}"
    site.install("rftcore-a-faulty-observer", _HEAD + observer.format(body="raise OSError('no space')"))
    site.install("rftcore-observer", _HEAD + observer.format(body="print('saw update', event.update)"))
