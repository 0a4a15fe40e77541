"""Which processes of a run can be killed: found by what they call themselves, below the run's driver.

Ray gives its actors titles, such as `ray::Worker.run` for one at work. A sampler server counts while somebody is
connected to it: those are the moments at which episodes are in the middle of something.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil

SAMPLER = "contract_server.py"
"""The program that stands in for `vllm serve`."""


def workers(driver: int) -> list[int]:
    """Return the worker processes of the executor `processes`."""
    return [process.pid for process, command in _below(driver) if "rftcore.executors.worker" in command]


def actors(driver: int) -> list[int]:
    """Return the processes of Ray's actors that run jobs."""
    return [process.pid for process, command in _below(driver) if command.startswith("ray::Worker")]


def sampler_servers(driver: int) -> list[int]:
    """Return the sampler servers that somebody is connected to."""
    return [process.pid for process, command in _below(driver) if f"{SAMPLER} serve" in command and _asked(process)]


VICTIMS: dict[str, Callable[[int], list[int]]] = {
    "worker": workers,
    "Ray actor": actors,
    "sampler server": sampler_servers,
}
"""By kind, what finds those of a driver."""


def kill(process: int) -> bool:
    """Kill a process; return whether it was there."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _below(driver: int) -> Iterator[tuple[psutil.Process, str]]:
    """Yield every process below a driver, with its command."""
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(driver).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                yield process, " ".join(process.cmdline())


def _asked(process: psutil.Process) -> bool:
    try:
        connections = process.net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    listened = {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}
    return any(each.status == psutil.CONN_ESTABLISHED and each.laddr.port in listened for each in connections)
