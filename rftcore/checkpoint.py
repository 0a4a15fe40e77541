"""What a checkpoint of ours promises, checked without torch: every file has its recorded size and hash.

Weights are read and written in `rftcore.train.checkpoint`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rftcore.errors import RunError
from rftcore.models import sha256

INDEX = "checkpoint.json"
"""Lists the files of a checkpoint, and what training has behind it."""

AHEAD = "ahead.jsonl"
"""In a resumable checkpoint: what was played for updates that come after it, a line each."""


def verify(folder: Path | str) -> None:
    """Check each file of a checkpoint of ours against its recorded size and sha256; other folders pass.

    Raises RunError naming the damaged file.
    """
    index = Path(folder) / INDEX
    if not index.is_file():
        return
    for name, expected in _read(index)["files"].items():
        file = index.parent / name
        if not file.is_file():
            raise _damaged(index, f"{name} is missing")
        size = file.stat().st_size
        if size != expected["bytes"]:
            raise _damaged(index, f"{name} has {size} bytes, {expected['bytes']} expected")
        if sha256(file) != expected["sha256"]:
            raise _damaged(index, f"the content of {name} has changed")


def beside(folder: Path) -> tuple[Path, Path]:
    """Return where the checkpoint `folder` is written first, and where the one before it lies until it is replaced."""
    return folder.with_name(f".{folder.name}.writing"), folder.with_name(f".{folder.name}.old")


def put_back(folder: Path, fits: Callable[[dict[str, Any]], bool]) -> None:
    """Let a place have its checkpoint again where its writer was killed between the two renames.

    Of what lies beside the place, that is the newest that is whole and whose state `fits`; a checkpoint that has its
    place is left alone. Raises RunError when something beside it cannot be read: it may be whole.
    """
    if not folder.exists() and (found := next((own for own in beside(folder) if _whole(own, fits)), None)):
        found.rename(folder)
        for other in beside(folder):
            shutil.rmtree(other, ignore_errors=True)


def _whole(folder: Path, fits: Callable[[dict[str, Any]], bool]) -> bool:
    if not (folder / INDEX).is_file():
        return False
    try:
        return fits(read_state(folder))
    except RunError as error:
        if isinstance(error.__cause__, OSError):
            raise
        return False


def read_state(folder: Path) -> dict[str, Any]:
    """Return the `state` of a checkpoint after checking its files; raises RunError when it is missing or damaged."""
    index = folder / INDEX
    if not index.is_file():
        raise RunError(f"there is no checkpoint in {str(folder)!r}")
    verify(folder)
    state: dict[str, Any] = _read(index)["state"]
    return state


def _read(index: Path) -> dict[str, Any]:
    try:
        found = json.loads(index.read_text(encoding="utf-8"))
        return {"files": dict(found["files"]), "state": dict(found["state"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(index, f"{INDEX} cannot be read") from error


def _damaged(index: Path, what: str) -> RunError:
    return RunError(
        f"checkpoint {str(index.parent)!r} is damaged: {what}. To have it made again, delete the folder of its stage, "
        f"{str(index.parent.parent)!r}, and resume the run: the stage is trained from its beginning"
    )
