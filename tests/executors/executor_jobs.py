"""Jobs for the tests of the executors: what a worker can be made to do."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rftcore.errors import ConfigError

Report = Callable[[float, float, str], None]


class PluginsOwnError(ConfigError):
    """A subclass that the driver does not know."""


def square(payload: Any, progress: Report) -> Any:
    for step in range(payload["steps"]):
        progress(step + 1, payload["steps"], f"step {step + 1}")
    return {"square": payload["number"] ** 2, "pair": (1, 2.5), "text": "ü\u2028\n", payload["key"]: None}


def change(payload: Any, progress: Report) -> Any:
    payload["list"].append(1)
    return payload


def fail(payload: Any, progress: Report) -> Any:
    progress(1, 2, "before")
    raise {"config": ConfigError, "own": PluginsOwnError, "value": ValueError}[payload["kind"]](payload["message"])


def not_json(payload: Any, progress: Report) -> Any:
    return {1, 2}


def chatter(payload: Any, progress: Report) -> Any:
    sys.stdout.write("to stdout, and no JSON\n")
    os.write(1, b"straight to descriptor 1\n")
    sys.stderr.write("to stderr\n")
    return "fine"


def die(payload: Any, progress: Report) -> Any:
    sys.stdout.write("last words\n")
    if payload["how"] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(7)


def facts(payload: Any, progress: Report) -> Any:
    return {
        "pid": os.getpid(),
        "environment": {name: os.environ.get(name) for name in payload["names"]},
        "pythonpath": os.environ.get("PYTHONPATH"),
        "path": sys.path,
        "modules": sorted(sys.modules),
        "place": str(Path.cwd()),
        "ignores_sigint": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    }


def meet(payload: Any, progress: Report) -> Any:
    """Wait until the other job says hello as well: ends only when both run at once."""
    with socket.create_connection(("127.0.0.1", payload["port"]), timeout=60) as peer:
        return peer.recv(1).decode()


def sees(payload: Any, progress: Report) -> Any:
    """Say which GPUs this process sees, and wait for a word."""
    with socket.create_connection(("127.0.0.1", payload["port"]), timeout=60) as peer:
        peer.sendall(f"{payload['name']} {os.environ.get('CUDA_VISIBLE_DEVICES')}\n".encode())
        return peer.recv(1).decode()


def hold(payload: Any, progress: Report) -> Any:
    """Keep a connection open for a minute: its other end learns when this process ends."""
    with socket.create_connection(("127.0.0.1", payload["port"])) as peer:
        peer.sendall(f"{os.getpid()}\n".encode())
        time.sleep(60)


def fork_and_die(payload: Any, progress: Report) -> Any:
    """Leave a forked child behind, which holds copies of whatever the worker had open."""
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    sys.stdout.write(f"child {child}\n")
    os._exit(9)
