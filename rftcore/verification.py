"""Whether a run folder is still what was written, and its report what the folder gives.

Every record is read with its checksum, every checkpoint that is there with the hashes of its files, and the report is
made again from the records and compared. Nothing is written, no model is loaded and nothing is played.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from rftcore.blueprint import load_record
from rftcore.checkpoint import verify as verify_checkpoint
from rftcore.errors import RftError, RunError
from rftcore.plan import Plan, StageNode
from rftcore.records import SCHEMA_VERSION, RunFolder, check_cell, read_groups, read_json, read_lines
from rftcore.report.build import build_report
from rftcore.report.differences import differences
from rftcore.resumption import check_unchanged
from rftcore.runlog import FILE as EVENTS
from rftcore.runlog import worked
from rftcore.sessions import FILE as SESSIONS

RECORDED = tuple(f"provenance.{name}" for name in ("manifests", "model", "recordings", "seeds", "specs", "stages"))
LATER = tuple(f"provenance.{name}" for name in ("arithmetic", "command", "effort"))
"""What is recorded too, where it is told: reports of older versions do not."""


@dataclass
class Verification:
    """What was looked at, and what is not as it should be."""

    records: int = 0
    """Files of records that were read."""
    checkpoints: int = 0
    damaged: list[str] = field(default_factory=list)
    """What is not what was written."""
    differences: list[str] = field(default_factory=list)
    """Where `report.json` is not what the records give."""
    remarks: list[str] = field(default_factory=list)
    """What is not there, and need not be."""
    changed: str = ""
    """What the run could not go on with here; no flaw of the folder."""

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged and the report is what the records give."""
        return not (self.damaged or self.differences)


def verify(folder: RunFolder) -> Verification:
    """Return what is to be said of a finished run.

    Raises RunError where there is no report yet, or a later version made the run, and ConfigError where a component of
    it is not installed.
    """
    found = Verification()
    if not (folder.path / "report.json").is_file():
        raise RunError(f"{str(folder.path / 'report.json')!r} is missing: only a finished run can be verified")
    if not _holds(found, folder.path / "run.json", lambda file: _record(folder)):
        return found  # which tells what else there should be
    found.records += 1
    config, plan = load_record(folder)
    stored: dict[str, Any] = {}
    _holds(found, folder.path / "report.json", lambda file: stored.update(read_json(file)))
    for file, check in _records(folder, plan, stored):
        found.records += _holds(found, file, check)
    for stage in plan.stages:
        _verify_learned_from(found, folder, stage, recorded=config.training.record)
    for node in plan.stages:
        place = folder.stage(node.key) / "checkpoint"
        if place.is_dir():  # `rftcore gc` may have removed it
            found.checkpoints += _holds(found, place, verify_checkpoint)
    if not found.damaged:
        again = build_report(folder, config, plan, study_seconds=0.0).model_dump(mode="json")
        found.differences += filter(_recorded, differences(stored, again))
    try:
        check_unchanged(config, plan)
    except RftError as error:
        found.changed = str(error)
    return found


def _record(folder: RunFolder) -> None:
    """Check `run.json`. What a later version wrote is not damaged, and nothing can be said of it."""
    if read_json(folder.path / "run.json").get("schema_version", 1) <= SCHEMA_VERSION:
        load_record(folder)


def _records(
    folder: RunFolder, plan: Plan, report: Mapping[str, Any]
) -> Iterator[tuple[Path, Callable[[Path], object]]]:
    """Yield every file of records of a finished run, with what reads it, but for those of recorded trajectories."""
    for stage in plan.stages:
        place = folder.stage(stage.key)
        yield place / "updates.jsonl", _log
        yield place / "stage.json", read_json
    for cell in plan.cells:
        yield folder.cell(cell.key), check_cell
        yield folder.cell_figures(cell.key), read_json
    yield folder.path / EVENTS, _lines
    told = report.get("provenance", {}).get("sessions", [])
    if told or (folder.path / SESSIONS).is_file():  # runs of an older version have none
        yield folder.path / SESSIONS, partial(_sessions, told=told)


def _verify_learned_from(found: Verification, folder: RunFolder, stage: StageNode, *, recorded: bool) -> None:
    """Verify the trajectories that a stage learned from, as many as its updates say, where they were recorded.

    `training.record` may be switched between sessions, and is then not what it was: fewer sessions than it must have
    been switched for show that files are missing.
    """
    try:
        lines = read_lines(folder.stage(stage.key) / "updates.jsonl")
    except RunError:  # told already; without it nobody knows how many there should be
        lines = []
    expected = {folder.trajectories(stage.key, line["update"]): int(line["episodes"]) for line in lines}
    present = [file.is_file() for file in expected]
    missing = [str(line["update"]) for line, there in zip(lines, present, strict=True) if not there]
    for file in sorted((folder.stage(stage.key) / "trajectories").glob("*.jsonl")):
        found.records += _holds(found, file, partial(_trajectories, expected=expected.get(file)))
    text = f"{stage.name}: there are no recorded trajectories of the updates {', '.join(missing)}"
    if sum(one != other for one, other in pairwise(present)) >= _session_count(folder):
        found.damaged.append(f"{text}: they are missing, because training.record is the same for a whole session")
    elif missing and (any(present) or recorded):
        found.remarks.append(f"{text}: training.record may have been off")


def _session_count(folder: RunFolder) -> int:
    """Return in how many sessions a run was worked on, at most."""
    try:
        listed = len(read_lines(folder.path / SESSIONS))
    except RunError:
        listed = 0
    return max(1, listed, len(worked(folder.path)))


def _recorded(difference: str) -> bool:
    """Whether a difference is one of what was recorded, and not of where and with which version it is read."""
    if difference.startswith(LATER):
        return not difference.endswith(": only in the second")
    return not difference.startswith("provenance.") or difference.startswith(RECORDED)


def _lines(file: Path) -> int:
    """Return how many lines a file has."""
    if not file.is_file():
        raise RunError(f"{str(file)!r} is missing")
    return len(read_lines(file))


def _sessions(file: Path, told: Sequence[Mapping[str, Any]]) -> None:
    """Check the list of sessions, which has those that the report has `told` of; later ones may not have ended."""
    if not file.is_file():
        raise RunError(f"{str(file)!r} is missing")
    left = {session.get("began_at") for session in read_lines(file)}
    gone = [str(session["began_at"]) for session in told if session["began_at"] not in left]
    if gone:
        raise RunError(f"{str(file)!r} is damaged: the sessions that began at {', '.join(gone)} are missing")


def _trajectories(file: Path, expected: int | None) -> None:
    """Check the trajectories that an update learned from, of which it has `expected`, if that is known."""
    found = sum(len(group.trajectories) for group in read_groups(file))
    if expected is not None and found != expected:
        raise RunError(f"the trajectories {str(file)!r} are damaged: found {found}, expected {expected}")


def _log(file: Path) -> None:
    """Check the log of a stage's updates, which are as many as the stage says where it is done."""
    found, done = _lines(file), file.with_name("stage.json")
    expected = read_json(done).get("updates") if done.is_file() else None
    if expected is not None and found != expected:
        raise RunError(f"{str(file)!r} is damaged: found {found} updates, expected {expected}")


def _holds(found: Verification, place: Path, check: Callable[[Path], object]) -> bool:
    try:
        check(place)
    except RftError as error:
        found.damaged.append(str(error).partition("\n")[0])
        return False
    return True
