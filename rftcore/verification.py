"""Whether a run folder is still what was written, and its report what the folder gives.

Every record is read with its checksum, every checkpoint that is there with the hashes of its files, and the report is
made again from the records and compared. Nothing is written, no model is loaded and nothing is played.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rftcore.blueprint import load_record
from rftcore.checkpoint import verify as verify_checkpoint
from rftcore.errors import RftError, RunError
from rftcore.plan import Plan
from rftcore.records import RunFolder, check_cell, read_groups, read_json, read_lines
from rftcore.report.build import build_report
from rftcore.report.differences import differences
from rftcore.resumption import check_unchanged
from rftcore.sessions import FILE

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
    changed: str = ""
    """What the run could not go on with here; no flaw of the folder."""

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged and the report is what the records give."""
        return not (self.damaged or self.differences)


def verify(folder: RunFolder) -> Verification:
    """Return what is to be said of a finished run. Raises RunError where there is no report, or no record of a run."""
    config, plan = load_record(folder)
    stored = read_json(folder.path / "report.json")
    found = Verification(records=1)
    for file, check in _records(folder, plan):
        found.records += _holds(found, file, check)
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


def _records(folder: RunFolder, plan: Plan) -> Iterator[tuple[Path, Callable[[Path], object]]]:
    """Yield every file of records of a finished run, with what reads it."""
    for stage in plan.stages:
        place = folder.stage(stage.key)
        yield place / "updates.jsonl", _log
        yield place / "stage.json", read_json
        for file in sorted((place / "trajectories").glob("*.jsonl")):
            yield file, read_groups
    for cell in plan.cells:
        yield folder.cell(cell.key), check_cell
        yield folder.cell_figures(cell.key), read_json
    if (folder.path / FILE).is_file():  # runs of an older version have none
        yield folder.path / FILE, _lines


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


def _log(file: Path) -> None:
    """Check the log of a stage's updates, which are as many as the stage says where it is done."""
    found, done = _lines(file), file.with_name("stage.json")
    expected = read_json(done).get("updates") if done.is_file() else None
    if expected is not None and found != expected:
        raise RunError(f"{str(file)!r} is damaged: found {found} updates, expected {expected}")


def _holds(found: Verification, place: Path, check: Callable[[Path], object]) -> bool:
    try:
        check(place)
    except RunError as error:
        found.damaged.append(str(error).partition("\n")[0])
        return False
    return True
