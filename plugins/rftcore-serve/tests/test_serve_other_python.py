"""The example of a server in a Python that rftcore does not run on keeps what a served environment has to."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rftcore.errors import ConfigError
from rftcore.policies.oracle import Oracle
from rftcore.policies.random import Random
from rftcore.policy import Policy
from rftcore.rollout import PolicyActor, collect
from rftcore.schemas.trajectory import Group
from rftcore.testing import examine
from rftcore_serve.remote import Remote

EXAMPLE = Path(__file__).parents[3] / "examples" / "other_python" / "server.py"
OLDEST = (3, 8)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the example serves, in this Python or in the one that RFTCORE_OTHER_PYTHON names."""
    python = os.environ.get("RFTCORE_OTHER_PYTHON", sys.executable)
    variables = {**os.environ, "RFTCORE_SERVE_TOKEN": "a-token-of-the-tests-only"}
    server = subprocess.Popen([python, str(EXAMPLE), "0"], env=variables, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().split()[-1]
    server.kill()
    server.communicate()


def test_it_is_written_for_an_old_python_and_its_standard_library() -> None:
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"), feature_version=OLDEST)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_its_expert_finds_every_number_and_random_play_is_drawn_from_the_same_stream(url: str) -> None:
    remote = Remote(url=url)
    tasks = [*remote.tasks("train", "easy")[:2], *remote.tasks("test", "hard")[-2:]]

    def played(policy: Policy) -> list[Group]:
        return asyncio.run(collect({"guess": remote}, PolicyActor(policy), tasks, 2, seed=1))

    solved = played(Oracle())
    assert all(trajectory.success for group in solved for trajectory in group.trajectories)
    # 0 of 16 by halves is 7, 3, 1 and 0; the last test number of 256, 253, is 127, 191, 223, 239, 247, 251 and 253.
    assert [len(group.trajectories[0].turns) for group in solved][::3] == [4, 7]
    assert played(Random()) == played(Random())
    assert list(remote.oracle(tasks[0])) == ["guess 7", "guess 3", "guess 1", "guess 0"]


def test_it_keeps_what_every_environment_promises(url: str) -> None:
    examine("remote", level="light", options={"url": url}).require()


def test_what_is_wrong_is_told_as_a_server_of_rftcore_tells_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="options: found length, but this environment has none"):
        Remote(url=url, options={"length": 3})
    monkeypatch.setenv("RFTCORE_SERVE_TOKEN", "another-token-altogether")
    with pytest.raises(ConfigError, match=r"found a wrong token; expected its token in RFTCORE_SERVE_TOKEN"):
        Remote(url=url)
