"""Servers that this process started, kept from one stage or evaluation to the next: each takes minutes to start.

What a job gives back waits for another one that asks for the same, with a model of the same shape: its weights come by
`sync`, as ever. All end with the process.
"""

from __future__ import annotations

import atexit
import threading
from dataclasses import dataclass
from pathlib import Path

from rftcore_vllm.server import Server


@dataclass(frozen=True, slots=True)
class Kind:
    """What servers have to have in common to stand in for each other."""

    replicas: int
    arguments: tuple[str, ...]
    on_cpu: bool
    shape: str
    """The model's configuration, without its place."""


_lock = threading.Lock()
_idle: dict[Kind, list[list[Server]]] = {}
_all: list[Server] = []


def lend(kind: Kind, folder: Path) -> list[Server]:
    """Return servers of that kind for the caller alone: some that wait, or new ones with the model in `folder`.

    They are not ready when this returns. Raises ConfigError when vLLM is not installed.
    """
    with _lock:
        waiting = _idle.get(kind, [])
        servers = (
            waiting.pop() if waiting else [Server(kind.arguments, on_cpu=kind.on_cpu) for _ in range(kind.replicas)]
        )
        for server in servers:
            if server not in _all:
                _all.append(server)
    for server in servers:
        if not server.alive:
            server.start(folder)
    return servers


def give_back(kind: Kind, servers: list[Server]) -> None:
    """Let another job have them."""
    with _lock:
        _idle.setdefault(kind, []).append(servers)


@atexit.register
def stop_all() -> None:
    """Stop every server that this process started."""
    with _lock:
        for server in _all:
            server.stop()
        _all.clear()
        _idle.clear()
