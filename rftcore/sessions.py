"""`sessions.jsonl`: when a run was worked on, with which code, and on what.

A run that is stopped and gone on with has several sessions. How long each lasted, and whether it came to the end, is in
the log of events, which nobody waits for; what it ran with is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rftcore.hardware import hardware
from rftcore.records import append_line, read_lines
from rftcore.revision import revisions
from rftcore.runlog import Worked, worked

FILE = "sessions.jsonl"

_COMPARED = ("versions", "commits", "hardware", "executor")


def begin(folder: Path, versions: Mapping[str, str], executor: str) -> None:
    """Write down that a session begins, which does jobs of the run in `folder` with these `versions` of distributions.

    Raises RunError when it cannot be written.
    """
    told = {
        "began_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "versions": dict(versions),
        "commits": revisions(versions),
        "hardware": hardware(),
        "executor": executor,
    }
    append_line(folder / FILE, told)


def sessions(folder: Path) -> list[dict[str, Any]]:
    """Return the sessions of a run: what the first one ran with, and what was different in each later one.

    `ended` is `report` of the last one, after which there is nothing left to do, and `stopped` of each before it: it
    was killed, it failed, or somebody stopped it. `worked_seconds` and `last_heard_at` are those of its last event.
    """
    heard = worked(folder)
    found: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    told = read_lines(folder / FILE)
    for number, session in enumerate(told, start=1):
        own = _own(session, heard)
        what = {name: session[name] for name in _COMPARED}
        head = {
            "began_at": session["began_at"],
            "last_heard_at": own.last.isoformat(timespec="seconds") if own else None,
            "worked_seconds": own.seconds if own else None,
            "ended": "report" if number == len(told) else "stopped",
        }
        found.append({**head, **({"changed": _changes(before, what)} if before else what)})
        before = what
    return found


def _own(session: Mapping[str, Any], heard: list[Worked]) -> Worked | None:
    """Return what the log heard of a session: the last that began before it did its first job."""
    began = datetime.fromisoformat(session["began_at"])
    earlier = [one for one in heard if one.start <= began]
    return earlier[-1] if earlier else None


def _changes(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> dict[str, list[Any]]:
    """Return what differs: dotted key -> what it was and what it is."""
    found: dict[str, list[Any]] = {}
    for key in sorted({*before, *now}):
        was, is_ = before.get(key), now.get(key)
        if isinstance(was, Mapping) and isinstance(is_, Mapping):
            found |= _changes(was, is_, f"{path}{key}.")
        elif was != is_:
            found[f"{path}{key}"] = [was, is_]
    return found
