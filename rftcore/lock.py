"""One writer: the lock of a run's folder, which says who holds it and which a dead process does not keep.

On one machine the system's own lock decides, and it ends with its holder, however that dies. Between machines that
share a folder it need not be there (some network file systems lock on each machine alone, or not at all), so the holder
also gives a sign of life: it writes its name into the file and touches that every few seconds. Another machine takes
the lock over when the sign stays away, by the clock of the file system, which is the same for both.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from rftcore.errors import RunError

FILE = ".lock"
LOOK = 0.5
"""Seconds in which the lock is tried for: whoever looks whether it is taken has it for a moment."""
SIGN = 10.0
"""Seconds between two signs of life."""
SILENCE = 60.0
"""Seconds without one after which a holder on another machine is taken for dead: network file systems show a file's
time up to some seconds late."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on a run."""

    host: str
    pid: int
    since: str
    """UTC, to the second."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from working in `folder` meanwhile.

    Raises RunError, which names the holder, when there is one, RunError as well when the folder is another one by the
    time the lock is free, and OSError when the file cannot be opened.
    """
    with (folder / FILE).open("a+") as file:
        certain = _taken(folder, file)
        if not _in_place(folder, file):
            raise RunError(
                f"the run in {str(folder)!r} was deleted or begun anew meanwhile by another process. Try again"
            )
        if (other := _living(folder, file, certain)) is not None:
            raise RunError(
                f"another process works on the run in {str(folder)!r}: {other}. It gave a sign of life less than "
                f"{SILENCE:.0f} s ago. Wait for it, or stop it first; if it was killed, try again in {SILENCE:.0f} s"
            )
        _write(file, Holder(platform.node(), os.getpid(), datetime.now(UTC).isoformat(timespec="seconds")))
        ended = threading.Event()
        signs = threading.Thread(target=_give_signs, args=(file.fileno(), ended), name="signs of life", daemon=True)
        try:
            signs.start()
            yield
        finally:
            ended.set()
            signs.join()
            file.truncate(0)


def is_locked(folder: Path, *, unknown: bool = False) -> bool:
    """Tell whether a process works in `folder`; where this cannot be found out, the answer is `unknown`.

    Whoever may only read there writes nothing, and compares signs of life from another machine with its own clock.
    """
    try:
        with _opened(folder / FILE) as file:
            return _living(folder, file, _take(file, shared=True)) is not None
    except BlockingIOError:
        return True
    except OSError:
        return unknown


def _opened(path: Path) -> IO[str]:
    try:
        return path.open("r+")  # some network file systems lock only what may be written
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return path.open()


def _taken(folder: Path, file: IO[str]) -> bool:
    """Take the system's lock, as `_take`. Raises RunError, which names the holder, when another process has it."""
    end = time.monotonic() + LOOK
    while True:
        try:
            return _take(file)
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise RunError(
                    f"another process works on the run in {str(folder)!r}: "
                    f"{_read(file) or 'it has not given its name'}. Wait for it, or stop it first"
                ) from error
            time.sleep(0.01)


def _in_place(folder: Path, file: IO[str]) -> bool:
    """Whether `file` is still the one of `folder`: a lock that was waited for may be that of a deleted folder."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), (folder / FILE).stat())
    except FileNotFoundError:
        return False


def _take(file: IO[str], *, shared: bool = False) -> bool:
    """Take the system's lock until the file is closed; return False where there is none to be had.

    Those who only look share it. Raises BlockingIOError when another process has it.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
        return False
    return True


def _living(folder: Path, file: IO[str], certain: bool) -> Holder | None:
    """Return the holder that has given a sign of life; with a `certain` lock, one of this machine is dead."""
    holder = _read(file)
    if holder is None or (certain and holder.host == platform.node()):
        return None
    now = _now(folder) if file.writable() else time.time()
    return holder if now - os.fstat(file.fileno()).st_mtime < SILENCE else None


def _now(folder: Path) -> float:
    """Return the time by the clock of the file system."""
    touched = folder / f"{FILE}.{platform.node()}.{os.getpid()}"
    try:
        touched.touch()
        return touched.stat().st_mtime
    finally:
        touched.unlink(missing_ok=True)


def _read(file: IO[str]) -> Holder | None:
    file.seek(0)
    try:
        return Holder(**json.load(file))
    except (ValueError, TypeError):  # nobody's, or one that an older version locked
        return None


def _write(file: IO[str], holder: Holder) -> None:
    file.truncate(0)
    file.write(json.dumps(asdict(holder)))
    file.flush()


def _give_signs(descriptor: int, ended: threading.Event) -> None:
    while not ended.wait(SIGN):
        with contextlib.suppress(OSError):  # a network that fails for a moment is no reason to stop
            os.utime(descriptor)
