"""What the folders of runs hold that nobody needs any more: old checkpoints, and what killed processes left.

A checkpoint is needed while something starts from it: a stage or an evaluation that is left to do, another run that
names it, or an adapter that lies above it. A report needs none. What is damaged or half written was set aside by those
who noticed.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rftcore import lock
from rftcore.blueprint import load_record
from rftcore.checkpoint import beside
from rftcore.errors import RftError
from rftcore.records import RunFolder, all_runs
from rftcore.study import finished

ADAPTER = "adapter_config.json"

_DEPTH = len(Path("RUN/stages/KEY/checkpoint").parts)
"""Fewer parts name no checkpoint from a folder that the runs lie in."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file or folder that may go."""

    path: Path
    reason: str
    bytes: int


def garbage(folder: RunFolder, *, results: bool = False) -> list[Garbage]:
    """Return what may be removed of a run; with `results`, the checkpoints at the end of its lines of training as well.

    Raises RunError or ConfigError when the run's record cannot be read.
    """
    _, plan = load_record(folder)
    done = finished(folder, plan)
    resumes = [folder.stage(stage.key) / "resume" for stage in plan.stages if stage.key not in done]
    goes_on = {place for resume in resumes if not resume.exists() for place in beside(resume)}
    found = [_item(path, reason) for path, reason in _leftovers(folder.path) if path not in goes_on]
    open_cells = {cell.checkpoint for cell in plan.cells if cell.key not in done}
    needed = open_cells | {stage.parent for stage in plan.stages if stage.key not in done}
    parents = {stage.parent for stage in plan.stages}
    named = set(_named_places(folder.path.parent))
    for stage in plan.stages:
        place = folder.stage(stage.key)
        if stage.key not in done or not (place / "stage.json").is_file():
            continue
        if (place / "resume").is_dir():
            found.append(_item(place / "resume", f"{stage.name} is trained: nothing goes on from here"))
        checkpoint = place / "checkpoint"
        if checkpoint.is_dir() and stage.key not in needed and checkpoint.resolve() not in named:
            if stage.key in parents:
                found.append(_item(checkpoint, f"checkpoint {stage.name}: what was trained on from it is done"))
            elif results:
                found.append(_item(checkpoint, f"checkpoint {stage.name}: a result of this run"))
    return found


def graves(root: Path) -> list[Garbage]:
    """Return the deleted runs under `root` that a kill kept from going."""
    return [_item(path, "a run that was deleted") for path in sorted(root.glob(".*.deleted"))]


def remove(found: Iterable[Garbage]) -> int:
    """Remove files and folders and return the bytes; each folder first gets a name that says so, lest half of it stays.

    Raises OSError when something cannot be removed.
    """
    total = 0
    for item in found:
        if item.path.is_dir():
            grave = item.path.with_name(f".{item.path.name.strip('.')}.old")
            if grave != item.path:
                shutil.rmtree(grave, ignore_errors=True)
                item.path.rename(grave)
            shutil.rmtree(grave)
        else:
            item.path.unlink()
        total += item.bytes
    return total


def _leftovers(folder: Path) -> Iterator[tuple[Path, str]]:
    for pattern, reason in (
        ("*.damaged", "was set aside because it was damaged"),
        (".*.writing", "was not written to its end"),
        (".*.old", "was replaced"),
        (f"{lock.FILE}.*", "a killed process left it"),
    ):
        for path in sorted(folder.rglob(pattern)):
            yield path, reason


def _named_places(root: Path) -> Iterator[Path]:
    """Yield every place that a run under `root` names in its configuration, or an adapter as what lies below it."""
    for run in all_runs(root):
        with contextlib.suppress(RftError):
            yield from _places(run.record()["config"], root)
        for file in run.path.glob(f"stages/*/*/{ADAPTER}"):
            with contextlib.suppress(OSError, ValueError):
                yield from _places(json.loads(file.read_text(encoding="utf-8")), root)


def _places(value: Any, root: Path) -> Iterator[Path]:
    """Yield every place that a text in `value` may mean.

    Where the command was given that named a relative path is not known: here, or in a folder that `root` lies in.
    """
    for path in map(Path, _strings(value)):
        yield path.resolve()
        if not path.is_absolute() and len(path.parts) >= _DEPTH:
            yield from ((parent / path).resolve() for parent in (root.absolute(), *root.absolute().parents))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str) and "\0" not in value:
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _item(path: Path, reason: str) -> Garbage:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Garbage(path, reason, sum(file.stat().st_size for file in files))
