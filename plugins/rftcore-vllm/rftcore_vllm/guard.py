"""A process between a run and a server that it starts, which ends the server when the run ends, however it ends.

`python -m rftcore_vllm.guard COMMAND...` runs the command in a process group of its own until it ends or standard input
does. A run that is killed cannot stop its servers; the pipe to this process closes even then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE = 10.0
"""Seconds between the polite and the final signal."""


def main(command: list[str]) -> int:
    """Run `command`; return its exit code, that of a shell where a signal ended it: 137 for SIGKILL."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to answer
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def watch() -> None:
        while os.read(0, 1024):
            pass
        _end(server)

    threading.Thread(target=watch, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: _end(server))
    code = server.wait()
    _signal(server, signal.SIGKILL)  # what it left behind, such as an engine whose front end was killed
    return 128 - code if code < 0 else code


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
    sys.exit(main(sys.argv[1:]))
