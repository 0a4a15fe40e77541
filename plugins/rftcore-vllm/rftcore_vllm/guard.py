"""A process beside a run that ends a server which the run started, or removes files of it, however the run ends.

`python -m rftcore_vllm.guard [--remove FOLDER] COMMAND...` runs the command in a process group of its own until it ends
or standard input does, and then removes the folder; without a command it only waits. A run that is killed can neither
stop its servers nor clear up; the pipe to this process closes even then. Where this process is killed, Linux kills the
command.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

GRACE = 10.0
"""Seconds between the polite and the final signal."""

PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when the thread that made it ends."""


def main(command: list[str], remove: Path | None = None) -> int:
    """Run `command`, then remove that folder; return its exit code, that of a shell where a signal ended it.

    From the main thread only: the command ends with the thread that starts it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to answer
    try:
        if not command:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # whoever ends all processes of a run ends it, too
            _wait()
            return 0
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_bound())

        def watch() -> None:
            _wait()
            _end(server)

        threading.Thread(target=watch, daemon=True).start()
        signal.signal(signal.SIGTERM, lambda *_: _end(server))
        code = server.wait()
        _signal(server, signal.SIGKILL)  # what it left behind, such as an engine whose front end was killed
    finally:
        if remove is not None:
            shutil.rmtree(remove, ignore_errors=True)
    return 128 - code if code < 0 else code


def _bound() -> Callable[[], None] | None:
    """Return what a new child has to call to be killed when this process is, where the system can do that."""
    if sys.platform != "linux":
        return None
    guard, prctl = os.getpid(), ctypes.CDLL(None).prctl

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:  # it was killed before the order
            os._exit(1)

    return bind


def _wait() -> None:
    """Return when whoever holds the other end of standard input is gone."""
    while os.read(0, 1024):
        pass


def _end(server: subprocess.Popen[bytes]) -> None:
    _signal(server, signal.SIGTERM)
    try:
        server.wait(GRACE)
    except subprocess.TimeoutExpired:
        _signal(server, signal.SIGKILL)


def _signal(server: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, number)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--remove", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    sys.exit(main(given.command, given.remove))
