"""One worker process as its driver sees it: started, asked, listened to, and mourned.

The other end is `rftcore.executors.worker`. A child inherits the driver's environment and import path, but for the
thread counts: they are set before it imports anything, because two processes with two threads each on two busy cores
are many times slower than with one each. Needs an operating system that hands descriptors to a child: not Windows.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rftcore import errors
from rftcore.executor import Job, Outcome, Progress

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Set in the environment of every worker; torch takes its number of threads from the first of them."""

_START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[2]); "
    "from rftcore.executors.worker import main; main(int(sys.argv[1]))"
)
_TAIL = 4000  # bytes of a worker's output that are kept for the message about its death


class RemoteError(Exception):
    """A job's exception that is not one of rftcore's: its type and message; the worker's traceback is a note."""


class Child:
    """A running worker process with further variables in its environment. One thread uses it, but any may `kill` it."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        path = json.dumps([str(entry) for entry in sys.path])
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-u", "-P", "-c", _START, str(theirs.fileno()), path],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                    env={**os.environ, **ONE_THREAD, **variables},
                )
            except OSError as error:
                ours.close()
                raise errors.RunError(
                    f"cannot start a worker process ({error}); free memory or processes, or take the executor 'inline'"
                ) from error
        self._channel = ours
        self._answers = ours.makefile("r", encoding="ascii")
        self._said = b""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def run(self, job: Job, request: str, report: Callable[[Progress], None]) -> Outcome:
        """Send one job and return its outcome; `report` gets its progress."""
        for answer in self._ask(request):
            if "progress" in answer:
                report(Progress(job.id, *answer["progress"]))
            elif "error" in answer:
                return Outcome(job.id, error=revive(answer["error"]))
            else:
                return Outcome(job.id, value=answer["value"])
        return Outcome(job.id, error=errors.RunError(self._obituary(job)), lost=True)

    def kill(self) -> None:
        """End the process at once; safe from any thread. What it was writing is written atomically or not at all."""
        self._process.kill()

    def close(self) -> None:
        """End the process and release everything."""
        self.kill()
        self._process.wait()
        self._listener.join(timeout=1)  # a grandchild may hold the other end open
        self._answers.close()
        self._channel.close()

    def _ask(self, request: str) -> Iterator[dict[str, Any]]:
        """Yield the answers; end without a last one when the worker has died."""
        try:
            self._channel.sendall(request.encode("ascii") + b"\n")
            for line in self._answers:
                if line.endswith("\n"):
                    yield json.loads(line)
        except ConnectionError:
            return

    def _listen(self) -> None:
        """Keep the end of what the worker prints."""
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while chunk := os.read(stream.fileno(), _TAIL):
                self._said = (self._said + chunk)[-_TAIL:]

    def _obituary(self, job: Job) -> str:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # it only closed its socket
            self.kill()
            code = self._process.wait()
        self._listener.join(timeout=5)  # it reads the rest at once, but where a grandchild keeps the pipe open
        death = f"exit code {code}"
        if code < 0:
            death += f", signal {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            death += ": often the system, short of memory; free some or run fewer workers"
        said = self._said.decode("utf-8", errors="replace").strip()
        tail = "\n".join(f"  | {line}" for line in said.splitlines()[-20:])
        return f"{job.label}: its worker process died ({death})." + (
            f"\nThe last it printed:\n{tail}" if tail else "\nIt printed nothing."
        )


def revive(error: dict[str, str | None]) -> Exception:
    """Return the exception that the worker described, with the worker's traceback as a note."""
    kind = RemoteError if error["kind"] is None else getattr(errors, error["kind"])
    revived: Exception = kind(error["message"])
    revived.add_note(f"In the worker process:\n{error['traceback']}")
    return revived
