"""Core's own observer: `events.jsonl` in the run folder, one line for each event, so that a run can be followed as it works."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rftcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from rftcore.schemas.events import Evaluated, GroupFinished, RunFinished, RunStarted, UpdateFinished


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


def _write(
    event: RunStarted | GroupFinished | UpdateFinished | Evaluated | RunFinished, leave_out: frozenset[str] | set[str] = frozenset()
) -> None:
    from rftcore.records import append_line

    value = event.model_dump(mode="json", exclude={"run", "folder", *leave_out})
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    append_line(Path(event.folder) / "events.jsonl", {"at": at, "event": type(event).__name__, **value})
