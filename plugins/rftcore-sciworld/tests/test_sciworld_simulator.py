from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rftcore.errors import ConfigError, EpisodeError
from rftcore.schemas.task import Task
from rftcore_sciworld import simulator
from rftcore_sciworld.environment import SciWorld
from rftcore_sciworld.simulator import Simulator

TASK = Task(
    environment="sciworld",
    id="find-plant/1",
    split="train",
    difficulty="easy",
    seed=1,
    data={"kind": "find-plant", "variation": 1},
)


def test_without_java_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ConfigError, match=r"found no Java.*apt-get install default-jre-headless"):
        Simulator()


def test_a_java_that_does_not_run_the_simulator_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho UnsupportedClassVersionError\n", encoding="ascii")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"it said 'UnsupportedClassVersionError'.*version 11"):
        Simulator()


def test_a_killed_java_process_fails_the_episode_and_the_next_one_starts_another() -> None:
    environment = SciWorld()
    episode = environment.start(TASK)
    first, pid = episode.observation, simulator.simulator().pid
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EpisodeError, match="the Java process of ScienceWorld is gone"):
        episode.step("look around")
    with pytest.raises(EpisodeError, match="is gone"):
        episode.step("look around")
    episode.close()
    again = environment.start(TASK)
    assert again.observation == first
    assert simulator.simulator().pid != pid
    again.close()


PLAY = """
import os, sys, time
from rftcore_sciworld import simulator
from rftcore_sciworld.environment import SciWorld
from rftcore.schemas.task import Task
task = Task(environment="sciworld", id="t", split="train", difficulty="easy", seed=1,
            data={"kind": "find-plant", "variation": 1})
episode = SciWorld().start(task)
print(simulator.simulator().pid, flush=True)
if sys.argv[1] == "wait":
    time.sleep(300)
"""


def gone(pid: int) -> bool:
    """Wait up to ten seconds for a process to end; one that nobody waited for counts as ended."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_java_ends_with_the_process_that_started_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PLAY, "end"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    assert done.stderr == ""
    assert gone(int(done.stdout))
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]


def test_java_ends_even_when_that_process_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", PLAY, "wait"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as python:
        assert python.stdout is not None
        pid = int(python.stdout.readline())
        python.kill()
    assert gone(pid)


FORK = """
import gc, os
from rftcore_sciworld import pool, simulator
from rftcore_sciworld.environment import SciWorld
from rftcore.schemas.task import Task
task = Task(environment="sciworld", id="t", split="train", difficulty="easy", seed=1,
            data={"kind": "find-plant", "variation": 1})
episode = SciWorld().start(task)
child = os.fork()
if not child:
    simulator.close()
    del episode
    gc.collect()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(simulator.simulator().alive, episode.step("look around").observation == episode.observation)
"""


def test_a_forked_child_leaves_its_parents_java_alone() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout == "True True\n"
