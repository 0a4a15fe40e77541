"""The process between a run and its server: whoever of the three is killed, the server ends, and its files with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rftcore_vllm.server import Server

CHILD = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)"
"""A server that says who it is."""

OWNER = """
import sys
from pathlib import Path
from rftcore_vllm.server import Server
server = Server([], on_cpu=True)
server.start(Path(sys.argv[1]), passing=True)
sys.stdin.read()
"""
"""A run, as far as it starts a server from weights that newer ones may replace."""


def until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def program(path: Path, command: str) -> None:
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o700)


def guarded(said: Path, *options: str) -> tuple[subprocess.Popen[bytes], int]:
    """Return a guard and the process of the server behind it."""
    command = [sys.executable, "-m", "rftcore_vllm.guard", *options, sys.executable, "-S", "-c", CHILD, str(said)]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert until(lambda: said.exists() and said.read_text() != "")
    return guard, int(said.read_text())


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    try:  # the one that inherits it may not have looked at it yet, or does just now
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_server_ends_when_its_guard_is_killed(tmp_path: Path) -> None:
    guard, server = guarded(tmp_path / "said")
    guard.kill()
    guard.wait()
    ended = until(lambda: gone(server))
    if not ended:
        os.kill(server, signal.SIGKILL)
    assert ended


@pytest.mark.parametrize("server_ends", [True, False])
def test_a_guard_removes_the_folder_when_its_server_has_ended(tmp_path: Path, *, server_ends: bool) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.safetensors").touch()
    guard, server = guarded(tmp_path / "said", "--remove", str(folder))
    assert folder.is_dir()
    if server_ends:
        os.kill(server, signal.SIGKILL)
    else:
        guard.stdin.close()
    assert guard.wait(30) == (137 if server_ends else 143)
    assert not folder.exists()


def test_a_run_that_is_killed_as_a_server_starts_again_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "run" / "tag"
    weights.mkdir(parents=True)
    (weights / "model.safetensors").touch()
    program(tmp_path / "vllm", f"touch '{tmp_path}/started'; exec sleep 600")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(weights)], stdin=subprocess.PIPE)
    assert until((tmp_path / "started").exists)  # its guard is there, which knows of the folder
    assert len(list(tmp_path.glob("rftcore-start-*/model.safetensors"))) == 1
    owner.kill()
    owner.wait()
    assert until(lambda: not list(tmp_path.glob("rftcore-start-*")))


@pytest.mark.parametrize(("number", "killed"), [("KILL", True), ("TERM", True), ("SEGV", False), ("ABRT", False)])
def test_only_what_comes_from_outside_is_a_kill_and_a_crash_is_not(
    number: str, *, killed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "vllm", f"ulimit -c 0; kill -{number} $$")
    monkeypatch.setattr("rftcore_vllm.server.find_program", lambda: str(tmp_path / "vllm"))
    server = Server([], on_cpu=True)
    server.start(tmp_path)
    assert until(lambda: not server.alive)
    assert server.killed == killed
    assert f"ended with code {128 + signal.Signals[f'SIG{number}']}" in server.death()
    server.stop()


def test_a_guard_that_is_killed_was_ended_from_outside_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "vllm", "exec sleep 600")
    monkeypatch.setattr("rftcore_vllm.server.find_program", lambda: str(tmp_path / "vllm"))
    server = Server([], on_cpu=True)
    server.start(tmp_path)
    os.kill(server._process.pid, signal.SIGKILL)
    assert until(lambda: not server.alive)
    assert server.killed
    server.stop()
