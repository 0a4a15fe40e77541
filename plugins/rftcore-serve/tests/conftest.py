"""Servers of the tests: real processes that are started as a person would start them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

TOKEN = "a-token-of-the-tests-only"
CORRIDOR = str(Path(__file__).with_name("corridor.py"))


class Server:
    """`rftcore serve ENV` in a process of its own."""

    def __init__(self, environment: str, *arguments: str, token: str | None = TOKEN, plugin: str = CORRIDOR) -> None:
        self.command = [sys.executable, "-m", "rftcore.cli", "--plugin", plugin, "serve", environment, *arguments]
        self.variables = {key: value for key, value in os.environ.items() if key != "RFTCORE_SERVE_TOKEN"}
        if token is not None:
            self.variables["RFTCORE_SERVE_TOKEN"] = token
        if not any(argument.startswith("port=") for argument in arguments):
            self.command += ["--with", "port=0"]
        self.start()
        self.command += ["--with", f"port={self.url.rpartition(':')[2]}"]  # when it is started again

    def start(self) -> None:
        """Start it, where it was before if it was, and wait until it listens."""
        self.process = subprocess.Popen(
            self.command, env=self.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        self.said = [self.process.stdout.readline(), self.process.stdout.readline()]
        found = re.search(r"https?://\S+", self.said[0])
        assert found, [*self.said, self.process.stdout.read()]
        self.url = found[0]
        # Nothing more is expected; a full pipe would stop it.
        threading.Thread(target=self._drain, args=[self.process.stdout], daemon=True).start()

    def _drain(self, stdout: object) -> None:
        self.said.extend(iter(stdout))  # type: ignore[call-overload]

    def kill(self) -> None:
        """SIGKILL: nothing is said, and nothing is closed."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGINT, as Ctrl-C; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def resources(self) -> tuple[int, int]:
        """Return its threads and its open files."""
        here = Path(f"/proc/{self.process.pid}")
        return len(list((here / "task").iterdir())), len(list((here / "fd").iterdir()))

    def client(self, token: str | None = TOKEN) -> httpx.Client:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="package")
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, and ends them after the tests."""
    servers: list[Server] = []

    def start(*arguments: str, token: str | None = TOKEN) -> Server:
        servers.append(Server(*arguments, token=token))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="package")
def corridor(serve: Callable[..., Server]) -> Server:
    """A server with small limits."""
    limits = ("sessions=4", "idle=3", "deadline=2", "body=20000")
    return serve("corridor", "--set", "max_turns=8", *(part for limit in limits for part in ("--with", limit)))


@pytest.fixture(scope="package")
def textcraft(serve: Callable[..., Server]) -> Server:
    """A server as it is started without options."""
    return serve("textcraft")


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    """What the environment `remote` shows."""
    monkeypatch.setenv("RFTCORE_SERVE_TOKEN", TOKEN)
    return TOKEN
