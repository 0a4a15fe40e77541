"""A plugin file that brings trouble into the processes of a run: a full disk, a clock that jumps, and an environment
that hangs and crashes.

It is loaded in the driver and in every worker. A thread looks for files in the folder that RFTCORE_TROUBLE names: from
the moment that `full` is there, the system calls that write files answer that the disk is full, until the process ends;
`clock` holds seconds by which the clock jumps. The disk is filled in the kernel (a seccomp filter, which needs no
rights), so it is full for Python, for Rust and for C alike. Linux on x86-64 or arm64 only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import random
import struct
import threading
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from pydantic import Field

from rftcore.environment import Episode, Step
from rftcore.hookspecs import hookimpl
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Task
from rftcore.specs import EnvironmentSpec

FOLDER = "RFTCORE_TROUBLE"

_CALLS = {  # write, writev, pwrite64, pwritev, fallocate, fsync, fdatasync
    "x86_64": (0xC000003E, 317, (1, 20, 18, 296, 285, 74, 75)),
    "aarch64": (0xC00000B7, 277, (64, 66, 68, 70, 47, 82, 83)),
}
"""By machine: what the kernel calls it, the number of the call `seccomp`, and those of the calls that write files."""


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [EnvironmentSpec(name="shaky", target="trouble:Shaky", summary="even, whose episodes fail", bridge=True)]


def fill_disk() -> None:
    """Let every write to a file fail with ENOSPC from now on, in all threads of this process and its children.

    Standard streams (descriptors up to 2) and sockets, which are not written to by these calls, go on.
    """
    machine, seccomp, calls = _CALLS[platform.machine()]
    load, equal, above, answer = 0x20, 0x15, 0x25, 0x06  # BPF: load a word, jump if equal, jump if greater, return
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.ENOSPC
    program = [(load, 0, 0, 4), (equal, 0, len(calls) + 1, machine), (load, 0, 0, 0)]
    program += [(equal, len(calls) - index, 0, call) for index, call in enumerate(calls)]
    program += [
        (answer, 0, 0, allow),
        (load, 0, 0, 16),
        (above, 1, 0, 2),
        (answer, 0, 0, allow),
        (answer, 0, 0, refuse),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    whole = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    every_thread = 1
    if libc.prctl(38, 1, 0, 0, 0) or libc.syscall(seccomp, 1, every_thread, ctypes.byref(whole)):
        raise OSError(ctypes.get_errno(), "the filter that fills the disk was refused")


def jump_clock(seconds: float) -> None:
    """Let the time of day be `seconds` later, or earlier, where rftcore asks for it; the steady clock goes on."""
    from rftcore import runlog
    from rftcore.report import build

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    vars(runlog)["datetime"] = vars(build)["datetime"] = Jumped
    real = time.time
    time.time = lambda: real() + seconds


def _watch(folder: Path) -> None:
    full = jumped = False
    while not full:
        time.sleep(0.01)
        if (folder / "full").exists():
            fill_disk()
            full = True
        if not jumped and (folder / "clock").exists():
            jump_clock(float((folder / "clock").read_text()))
            jumped = True


if os.environ.get(FOLDER):
    threading.Thread(target=_watch, args=(Path(os.environ[FOLDER]),), daemon=True).start()


def _meet(fate: str) -> None:
    if fate == "crash":
        raise OSError("trouble: the environment crashed")
    if fate == "hang":
        threading.Event().wait()


class _Failing(Episode):
    """An episode that crashes or hangs at its first step, when it is closed, at both or at neither."""

    def __init__(self, episode: Episode, at_step: str, at_close: str) -> None:
        self._episode, self._at_step, self._at_close = episode, at_step, at_close
        self.observation = episode.observation

    def step(self, action: str) -> Step:
        _meet(self._at_step)
        step = self._episode.step(action)
        self.observation = self._episode.observation
        return step

    def random_action(self, rng: random.Random) -> str:
        return self._episode.random_action(rng)

    def expert_action(self) -> str | None:
        return self._episode.expert_action()

    def close(self) -> None:
        self._episode.close()
        _meet(self._at_close)


def __getattr__(name: str) -> type:
    """Make `Shaky` when it is asked for: what it is made of is a plugin file too, and loaded by then."""
    if name != "Shaky":
        raise AttributeError(name)
    from chance import Even  # type: ignore[import-not-found]

    class Shaky(Even):
        """`even` under its own name, but that episodes fail by chance, whatever the agent does."""

        class Config(Frozen):
            crashes: float = Field(default=0.05, ge=0, le=1)
            """Share of episodes that crash at their start or first step; as many crash when they are closed."""
            hangs: float = Field(default=0.05, ge=0, le=1)
            """Share of episodes that hang there."""
            max_turns: int = 3

        def start(self, task: Task) -> Episode:
            fate, starting = self._fate(), random.SystemRandom().random() < 0.5
            if starting:
                _meet(fate)
            return _Failing(super().start(task), "none" if starting else fate, self._fate())

        def _fate(self) -> str:
            drawn = random.SystemRandom().random()
            crashes, hangs = self.config.crashes, self.config.hangs
            return "crash" if drawn < crashes else "hang" if drawn < crashes + hangs else "none"

    return Shaky
