"""Servers of the tests: real processes, and clients that ask as AgentGym's do, without any header of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2 as httpx
import pytest

TOKEN = "a-token-of-the-tests-only"


class Server:
    """`rftcore serve ENV --protocol agentgym` in a process of its own."""

    def __init__(self, environment: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "rftcore.cli", "serve", environment, "--protocol", "agentgym"]
        self.process = subprocess.Popen(
            [*command, "--with", "port=0", *arguments],
            env={**os.environ, "RFTCORE_SERVE_TOKEN": TOKEN},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = [self.process.stdout.readline(), self.process.stdout.readline()]
        assert self.said[0].startswith(f"serving {environment} at "), [*self.said, self.process.stdout.read()]
        self.url = self.said[0].split()[3].rstrip(",")
        threading.Thread(target=self._drain, args=[self.process.stdout], daemon=True).start()

    def _drain(self, stdout: Any) -> None:
        self.said.extend(stdout)

    def stop(self) -> int:
        """SIGINT, as Ctrl-C; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def client(self, token: str = TOKEN) -> httpx.Client:
        return httpx.Client(base_url=f"{self.url}/{token}", timeout=60, trust_env=False)


@pytest.fixture(scope="package")
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, one for each way to call it, and ends them after the tests."""
    servers: dict[tuple[str, ...], Server] = {}

    def start(*arguments: str) -> Server:
        if arguments not in servers:
            servers[arguments] = Server(*arguments)
        return servers[arguments]

    yield start
    for server in servers.values():
        server.process.kill()
        server.process.wait()
