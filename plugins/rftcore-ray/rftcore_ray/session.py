"""How Ray is started, or a cluster joined, without a word and without a call to anybody outside.

Ray is one to a process: one that runs already is used as it is, and left running.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import ray
import ray._private.node
import ray._private.worker
from ray.exceptions import RayError

from rftcore.errors import RunError

OBJECTS = 80 * 1024 * 1024
"""Bytes for Ray's own store of objects, near its minimum: calls carry plain values of a few kilobytes."""
ATTEMPTS = 3
"""Ray gives its processes 30 seconds to start, which on a busy machine is not enough the first time."""
PATIENCE = 10.0
"""Seconds in which a cluster has to answer."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it reports to its makers
    "RAY_prestart_worker_first_driver": "0",  # an idle interpreter for each core, none of which has our variables
    "RAY_enable_worker_prestart": "0",
    "RAY_enable_metrics_collection": "0",  # every process gathers numbers that nobody asks for
    "RAY_enable_pipe_based_agent_to_parent_health_check": "1",  # else its agents outlive a killed driver by a minute
}
"""Read by the processes of Ray from their environment as they start."""
IDLE = ("start_api_server", "start_log_monitor")
"""Methods of Ray's node that start programs without a use here, and wait for them: a dashboard that only reports usage,
and what brings prints of workers to the driver. Ray has no option to leave them out."""


def start(address: str | None, cpus: int, gpus: int) -> bool:
    """Start Ray with so many cores and GPUs, or join the cluster at `address`; return whether there was none before.

    Raises RunError when there is no such cluster, or Ray does not start.
    """
    if ray.is_initialized():
        return False
    with _quiet():
        if address is None:
            with _lean():
                _start(cpus, gpus)
        else:
            _join(address)
    return True


def _start(cpus: int, gpus: int) -> None:
    before = set(psutil.Process().children(recursive=True))
    for attempt in range(ATTEMPTS):
        try:
            ray.init(
                "local",
                num_cpus=cpus,
                num_gpus=gpus,
                object_store_memory=OBJECTS,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # that of a timeout has no class of its own
            for process in set(psutil.Process().children(recursive=True)) - before:  # Ray forgets what it had started
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            if attempt == ATTEMPTS - 1:
                raise RunError(
                    f"Ray did not start on this machine, {ATTEMPTS} times: {error} Free processors and memory, or take "
                    "the executor 'processes', which needs less"
                ) from error
        else:
            return


def _join(address: str) -> None:
    try:
        if address != "auto":  # Ray itself tries for a minute, and says less
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, OSError, RayError) as error:
        raise RunError(
            f"address: {address!r} cannot be joined: {error}; expected a running cluster that this machine belongs "
            "to; `ray status` says what there is"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Set what Ray reads from the environment, and give back what it takes from this process."""
    # A death is told on standard output, whatever log_to_driver says; Ray's own debugger sets the same switch.
    ray._private.worker._worker_logs_enabled = False
    before = {name: os.environ.get(name) for name in QUIET}
    main = threading.current_thread() is threading.main_thread()
    terminate = signal.getsignal(signal.SIGTERM)
    os.environ.update(QUIET)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if main:
            signal.signal(signal.SIGTERM, terminate)  # Ray's own waits for its processes, which end with this one


@contextmanager
def _lean() -> Iterator[None]:
    """Let a node start without programs that have no use here; where Ray calls them otherwise, it starts them."""
    node = ray._private.node.Node
    before = {name: vars(node)[name] for name in IDLE if name in vars(node)}
    for name in before:
        setattr(node, name, lambda self, **options: None)
    try:
        yield
    finally:
        for name, start in before.items():
            setattr(node, name, start)
