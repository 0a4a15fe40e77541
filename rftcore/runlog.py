"""Core's own observer: `events.jsonl` in the run folder, so that a run can be followed as it works.

The log also knows how long a run has been worked on, over all the sessions that it took.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rftcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from rftcore.schemas.events import Evaluated, GroupFinished, RunFinished, RunStarted, UpdateFinished

FILE = "events.jsonl"


@hookimpl
def rft_run_started(event: RunStarted) -> None:
    _write(event, leave_out={"config"})


@hookimpl
def rft_group_finished(event: GroupFinished) -> None:
    _write(event)


@hookimpl
def rft_update_finished(event: UpdateFinished) -> None:
    _write(event)


@hookimpl
def rft_evaluated(event: Evaluated) -> None:
    _write(event)


@hookimpl
def rft_run_finished(event: RunFinished) -> None:
    _write(event)


def seconds_worked(folder: Path) -> float:
    """Return the seconds of all sessions so far: each from its start to the last that was heard of it.

    Raises RunError when the log is damaged.
    """
    from rftcore.records import read_lines

    sessions: list[tuple[datetime, datetime]] = []
    for line in read_lines(folder / FILE):
        at = datetime.fromisoformat(line["at"])
        if not sessions or line["event"] == "RunStarted":
            sessions.append((at, at))
        sessions[-1] = (sessions[-1][0], at)
    return sum((last - first).total_seconds() for first, last in sessions)


def _write(
    event: RunStarted | GroupFinished | UpdateFinished | Evaluated | RunFinished,
    leave_out: frozenset[str] | set[str] = frozenset(),
) -> None:
    from rftcore.records import append_line

    value = event.model_dump(mode="json", exclude={"run", "folder", *leave_out})
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    append_line(Path(event.folder) / FILE, {"at": at, "event": type(event).__name__, **value})
