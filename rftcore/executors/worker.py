"""The other end of `processes`: a process that takes jobs, one at a time, until its driver is gone.

Driver and worker speak JSON lines over one socket that nothing else knows of; nothing is unpickled, and the driver's
main script is never imported. A request is `{"target", "payload"}`; the answers are any number of
`{"progress": [done, total, remark, figures]}` and then `{"value"}` or `{"error"}`. A thread watches the socket even
while a job runs: when the driver ends, however it ends, the worker ends at once.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import socket
import threading
import traceback
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any

from rftcore import errors
from rftcore.executors.target import NONE, call


def main(descriptor: int) -> None:
    """Serve the socket with file descriptor `descriptor`; never returns."""
    os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to answer
    faulthandler.enable()
    channel = socket.socket(fileno=descriptor)
    # A forked child of a job must not keep the socket open: the driver learns of this worker's death from its end.
    os.register_at_fork(after_in_child=lambda: os.close(channel.detach()))
    requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=(channel, requests), daemon=True).start()
    lock = threading.Lock()

    def answer(message: dict[str, Any]) -> None:
        with lock:
            channel.sendall(json.dumps(message).encode("ascii") + b"\n")

    def progress(done: float, total: float, remark: str, figures: Mapping[str, float] = NONE, /) -> None:
        answer({"progress": [float(done), float(total), str(remark), dict(figures)]})

    while True:
        request = requests.get()
        try:
            value = call(request["target"], request["payload"], progress)
        except Exception as error:
            answer({"error": describe(error)})
        else:
            answer({"value": value})


def describe(error: Exception) -> dict[str, str | None]:
    """Return what the driver needs to raise `error` again.

    `kind` is the class in `rftcore.errors` that it is, or None; a plugin's own subclass travels as the nearest of them.
    """
    kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__]
    return {
        "kind": kinds[0] if kinds else None,
        "message": str(error) if kinds else "".join(traceback.format_exception_only(error)).strip(),
        "traceback": "".join(traceback.format_exception(error)),
    }


def _listen(channel: socket.socket, requests: SimpleQueue[dict[str, Any]]) -> None:
    try:
        for line in channel.makefile("r", encoding="ascii"):
            requests.put(json.loads(line))
    finally:
        os._exit(0)  # the driver is gone: nobody waits for the job, and its files are written atomically
