"""A cluster of two nodes, both on this machine: a study joins it by its address, and outlives the death of a node."""

from __future__ import annotations

import json
import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from rftcore import Study
from rftcore.display import Display
from rftcore.executor import Progress
from rftcore.schemas.config import Component
from rftcore.study import run_folder
from rftcore_ray.session import QUIET
from tests.study.conftest import small, small_world, untrained

TESTS = Path(__file__).parents[3] / "tests"


@contextmanager
def node(*where: str) -> Iterator[psutil.Process]:
    """Run `ray start` as the README tells, with one core; yield its process, below which all of the node runs."""
    command = [str(Path(sys.executable).with_name("ray")), "start", *where, "--num-cpus=1", "--num-gpus=0", "--block"]
    with (
        TemporaryDirectory(prefix="ray", dir="/tmp") as files,  # Ray's sockets allow only short names
        subprocess.Popen(
            [*command, "--object-store-memory=80000000", f"--temp-dir={files}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **QUIET, "RAY_AUTH_MODE": "disabled"},
        ) as started,
    ):
        assert started.stdout is not None
        said = ""
        for line in started.stdout:
            said += line
            if "Ray runtime started" in line:
                break
        assert "Ray runtime started" in said, said
        process = psutil.Process(started.pid)
        try:
            yield process
        finally:
            end(process)


def end(process: psutil.Process) -> None:
    """Kill a process and all below it at once: a machine that is lost."""
    for each in [process, *process.children(recursive=True)] if process.is_running() else []:
        each.kill()


@pytest.fixture
def cluster() -> Iterator[tuple[str, psutil.Process]]:
    """Two nodes: the address of the head, and the process of the other one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with ExitStack() as nodes:
        port, ip = address.rpartition(":")[2], "--node-ip-address=127.0.0.1"
        nodes.enter_context(node("--head", f"--port={port}", "--include-dashboard=false", ip))
        yield address, nodes.enter_context(node(f"--address={address}", ip))


class Losing(Display):
    """Ends a node as soon as two jobs are in the middle of something, one on each node."""

    def __init__(self, lost: psutil.Process) -> None:
        self._node, self._working, self.told = lost, set[str](), list[str]()

    def progress(self, progress: Progress) -> None:
        if 0 < progress.done < progress.total:
            self._working.add(progress.job)
        if len(self._working) == 2 and self._node.is_running():
            end(self._node)

    def lost(self, job: str, error: BaseException) -> None:
        self.told.append(str(error))


@pytest.mark.slow
def test_a_job_whose_node_dies_is_given_again_on_the_other_one_to_the_same_numbers(
    cluster: tuple[str, psutil.Process], tmp_path: Path
) -> None:
    address, other = cluster
    with small_world():
        study = Study(
            small(
                untrained(tmp_path),
                axes={"difficulty": ["even:easy", "third:easy"]},
                environments={"even": {}, "third": {}},
                training={"updates": 60, "groups": 2, "samples": 4, "checkpoint_every": 1},
            )
        )
        study.run(tmp_path / "inline")
        display = Losing(other)
        executor = Component(name="ray", options={"address": address})
        run_folder(study.create(tmp_path / "ray"), display=display, executor=executor)
    (said,) = display.told
    assert ": its Ray worker died (" in said
    reports = [json.loads((tmp_path / place / "small/report.json").read_text("utf-8")) for place in ("inline", "ray")]
    assert list(runpy.run_path(str(TESTS / "compare_reports.py"))["differences"](*reports)) == []
