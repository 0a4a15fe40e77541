"""The process of a Ray actor, which runs one job after the other wherever Ray has put it.

One call carries a whole job. Its answers are a stream of lists of messages, those of `rftcore.executors.worker`: which
process it is when it begins, any number of progress, and at last a value or an error. The job has a thread of its own,
because the main one sends the stream. Nothing of it is lost, but progress is gathered for a moment and goes as one: a
message costs driver and actor milliseconds, and a job may report a hundred times a second.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import psutil

from rftcore.errors import RunError
from rftcore.executors.target import NONE, call
from rftcore.executors.worker import describe

MARK = ".ray"
"""The file in a job's folder by which a worker knows that it is the driver's."""
PATIENCE = 10.0
"""Seconds after which a file that the driver wrote has to be there: network file systems keep old answers."""

GATHERED = 0.25
"""Seconds in which progress is gathered, to be sent as one."""

Message = dict[str, Any]


class Worker:
    """What the actor is made of. `path` and `place` are the driver's module search path and working directory, or
    None to keep what the cluster has; `variables` are set in the environment, before a job imports anything."""

    def __init__(self, variables: Mapping[str, str], path: Sequence[str] | None, place: str | None) -> None:
        os.environ.update(variables)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to answer
        if path is not None:
            sys.path[:] = path
        if place is not None:
            os.chdir(place)

    def run(self, target: str, payload: Any, folder: str | None, mark: str) -> Iterator[list[Message]]:
        """Run a job whose `folder` holds `mark`, and yield what it has to say as it says it."""
        yield [{"process": [platform.node(), os.getpid(), psutil.Process().create_time()]}]
        messages: SimpleQueue[Message] = SimpleQueue()
        threading.Thread(target=_work, args=(target, payload, folder, mark, messages.put), daemon=True).start()
        ended = False
        while not ended:
            batch = gathered(messages)
            ended = not _goes_on(batch[-1])
            yield batch


def gathered(messages: SimpleQueue[Message], seconds: float = GATHERED) -> list[Message]:
    """Wait for a message; return it with those of the next `seconds`, or with those up to the job's last one."""
    batch, end = [messages.get()], time.monotonic() + seconds
    while _goes_on(batch[-1]) and (left := end - time.monotonic()) > 0:
        with suppress(Empty):
            batch.append(messages.get(timeout=left))
    return batch


def _goes_on(message: Message) -> bool:
    return "progress" in message


def _work(target: str, payload: Any, folder: str | None, mark: str, answer: Any) -> None:
    def progress(done: float, total: float, remark: str, figures: Mapping[str, float] = NONE, /) -> None:
        answer({"progress": [float(done), float(total), str(remark), dict(figures)]})

    try:
        if folder is not None:
            check_shared(Path(folder), mark)
        value = call(target, payload, progress)
    except Exception as error:
        answer({"error": describe(error)})
    else:
        answer({"value": value})


def check_shared(folder: Path, mark: str, patience: float = PATIENCE) -> None:
    """Raise RunError unless `folder` is the one in which the driver has left `mark`, within `patience` seconds."""
    end = time.monotonic() + patience
    while not _marked(folder, mark):
        if time.monotonic() > end:
            found = "a folder of this name that is another one" if folder.is_dir() else "no such folder"
            raise RunError(
                f"the run folder {str(folder)!r}: the machine {platform.node()!r} has {found}; expected every machine "
                "of the cluster to see the driver's: put runs on a file system that all of them share (--runs)"
            )
        time.sleep(0.2)


def _marked(folder: Path, mark: str) -> bool:
    try:
        return (folder / MARK).read_text(encoding="ascii") == mark
    except OSError:
        return False
