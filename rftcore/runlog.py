"""Core's own observer: `events.jsonl` in the run folder, so that a run can be followed as it works.

The log also knows how long a run has been worked on, over all the sessions that it took, and what observers were told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rftcore.hookspecs import hookimpl
from rftcore.sealing import unsealed

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

    The log is no result: what cannot be read of it is passed over.
    """
    sessions: list[tuple[datetime, datetime]] = []
    for event, at, _ in _told(folder / FILE):
        if not sessions or event == "RunStarted":
            sessions.append((at, at))
        sessions[-1] = (sessions[-1][0], at)
    return sum((last - first).total_seconds() for first, last in sessions)


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

    value = event.model_dump(mode="json", exclude={"run", "folder", *leave_out})
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    append_line(Path(event.folder) / FILE, {"at": at, "event": type(event).__name__, **value}, durable=False)
