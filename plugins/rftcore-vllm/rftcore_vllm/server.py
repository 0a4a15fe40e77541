"""A `vllm serve` that this process starts on the loopback, and stops."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rftcore.errors import RunError
from rftcore_vllm.key import API_KEY
from rftcore_vllm.program import find_program

SETTINGS = {
    "VLLM_SERVER_DEV_MODE": "1",  # routes for new weights
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
"""In the environment of every server."""

ON_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "0",
    "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
    "OMP_NUM_THREADS": "1",
}
"""Besides, where the model is on a CPU; what the user's environment says goes before."""

OUTSIDE = (128 + signal.SIGKILL, 128 + signal.SIGTERM, -signal.SIGKILL, -signal.SIGTERM)
"""Exit codes of a server that somebody ended, as its guard tells them, and of a guard that somebody ended."""

TAIL = 2000
"""Characters of a server's output in a message about its death."""


class Server:
    """One process; `start` may be called again after it died."""

    def __init__(self, arguments: Sequence[str], *, on_cpu: bool) -> None:
        """`arguments` follow `vllm serve MODEL`. Raises ConfigError when vLLM is not installed."""
        self._program, self._arguments = find_program(), list(arguments)
        self._settings = {**(ON_CPU if on_cpu else {}), **os.environ, **SETTINGS}
        # Not on the command line, which everybody can read. vLLM asks for the key on some routes only: the others,
        # those for control among them, are kept to this machine by the loopback, and open to all who are on it.
        self._settings.setdefault(API_KEY, os.environ.setdefault(API_KEY, secrets.token_hex(16)))
        handle, name = tempfile.mkstemp(prefix="rftcore-vllm-")
        os.unlink(name)
        self._log = os.fdopen(handle, "wb", buffering=0)
        self._process: subprocess.Popen[bytes] | None = None
        self._own: Path | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, folder: Path, *, passing: bool = False) -> None:
        """Start it with the model in `folder`, if it is dead. It is not ready when this returns.

        A `passing` folder may be thrown away before the server has read it: it gets names of its own for the files,
        which end with the server at the latest. Raises RunError when they cannot be made.
        """
        self.stop()
        if passing:
            folder = self._own = _linked(folder)
        command = [self._program, "serve", str(folder), "--host", "127.0.0.1", "--port", str(self.port)]
        remove = [] if self._own is None else ["--remove", str(self._own)]
        guard = [sys.executable, "-m", "rftcore_vllm.guard", *remove, *command, *self._arguments]
        self._process = subprocess.Popen(
            guard, stdin=subprocess.PIPE, stdout=self._log, stderr=subprocess.STDOUT, env=self._settings
        )

    @property
    def died(self) -> bool:
        """Whether it ran, and ended."""
        return self._process is not None and self._process.poll() is not None

    @property
    def killed(self) -> bool:
        """Whether it, or its guard, was ended from outside, and not by itself: a crash is a signal, too."""
        return self._process is not None and self._process.poll() in OUTSIDE

    def settle(self) -> None:
        """Forget the files that it was started with: it has read them."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            self._own = None

    def death(self) -> str:
        """Return how it ended, and the last it printed."""
        code = self._process and self._process.returncode
        return f"`vllm serve` on port {self.port} ended with code {code}. The last it printed:\n{self.said()}"

    def said(self) -> str:
        """Return the end of what it printed."""
        return "\n".join(f"  | {line}" for line in self._tail())

    def last(self) -> str:
        """Return the last line that it printed, or nothing."""
        return next((line.strip() for line in reversed(self._tail()) if line.strip()), "")

    def _tail(self) -> list[str]:
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), TAIL, max(0, size - TAIL)).decode("utf-8", "replace").splitlines()

    def stop(self) -> None:
        """End it and what it started. Safe to call twice."""
        self.settle()
        if self._process is None:
            return
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
        self._process = None


def _linked(folder: Path) -> Path:
    """Return a new folder, beside the one that holds `folder`, with the same files: they last as long as it does.

    Raises RunError, and leaves nothing, when one cannot be read or there is no room.
    """
    place = folder.parent.parent
    try:
        own = Path(tempfile.mkdtemp(prefix="rftcore-start-", dir=place))
        try:
            for file in folder.iterdir():
                try:
                    os.link(file, own / file.name)
                except OSError:  # not every file system has two names for one file
                    shutil.copyfile(file, own / file.name)
        except BaseException:
            shutil.rmtree(own, ignore_errors=True)
            raise
    except OSError as error:
        raise RunError(
            f"a server cannot be started again: no copy of {str(folder)!r} can be made in {str(place)!r}: {error}; "
            "make room, or set sampler.folder"
        ) from error
    return own


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
