"""Core's own observer: `events.jsonl` in the run folder, so that a run can be followed as it works.

The log also knows how long a run has been worked on, over all the sessions that it took, and what observers were told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rftcore.hookspecs import hookimpl
from rftcore.sealing import unsealed

if TYPE_CHECKING:
    from rftcore.schemas.events import Evaluated, GroupFinished, RunFinished, RunStarted, UpdateFinished

FILE = "events.jsonl"


class Worked(NamedTuple):
    """One session of a run."""

    start: datetime
    last: datetime
    """When it was last heard of."""
    seconds: float


_began: dict[str, float] = {}
"""By run folder, when this process began to work on it, on the steady clock: the time of day may jump."""


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

    The log is no result: what cannot be read of it is passed over.
    """
    return sum(session.seconds for session in worked(folder))


def worked(folder: Path) -> list[Worked]:
    """Return the sessions, as far as they can be read."""
    sessions: list[Worked] = []
    for event, at, value in _told(folder / FILE):
        start = at if not sessions or event == "RunStarted" else sessions.pop().start
        passed = value.get("session_seconds", (at - start).total_seconds())
        sessions.append(Worked(start, at, max(0.0, float(passed))))
    return sessions


def updates_told(folder: Path) -> dict[str, int]:
    """Return, for each stage that observers have heard of, how many of its updates they were told."""
    told: dict[str, int] = {}
    for event, _, value in _told(folder / FILE):
        stage, update = value.get("stage"), value.get("update")
        if event == "UpdateFinished" and isinstance(stage, str) and isinstance(update, int):
            told[stage] = max(told.get(stage, 0), update + 1)
    return told


def _told(path: Path) -> Iterator[tuple[str, datetime, dict[str, Any]]]:
    """Yield the name, the time and the content of every event that can be read."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return
    for line in lines:
        try:
            value = json.loads(unsealed(line))
            yield str(value["event"]), datetime.fromisoformat(value["at"]), value
        except (ValueError, LookupError, TypeError):
            continue


def _write(
    event: RunStarted | GroupFinished | UpdateFinished | Evaluated | RunFinished,
    leave_out: frozenset[str] | set[str] = frozenset(),
) -> None:
    from rftcore.records import append_line

    now, kind = time.monotonic(), type(event).__name__
    began = now if kind == "RunStarted" else _began.get(event.folder, now)
    _began[event.folder] = began
    head = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "session_seconds": round(now - began, 3),
        "event": kind,
    }
    value = event.model_dump(mode="json", exclude={"run", "folder", *leave_out})
    append_line(Path(event.folder) / FILE, {**head, **value}, durable=False)
