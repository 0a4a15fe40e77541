"""A run on disk: one folder, files that are whole or absent, and the names by which a run is found again.

    runs/NAME/
      run.json                    id, kind, resolved configuration, plan
      stages/KEY/updates.jsonl    one line an update
      stages/KEY/resume/          the newest resumable checkpoint, while the stage trains
      stages/KEY/best/            the one with the best held-in score, where the stage is to make that, while it trains
      stages/KEY/checkpoint/      the stage's result
      stages/KEY/trajectories/    with `training.record`, what each update learned from
      stages/KEY/stage.json       written last: the stage is done
      policies/NAME/              what a policy keeps, such as answers that were paid for
      cells/KEY.jsonl             the trajectories of one evaluation
      cells/KEY.json              written last: the cell is done
      events.jsonl                what happened when
      progress.json               how far it is, for whoever watches
      sessions.jsonl              when it was worked on, with which code and on what
      report.json, report.html
      card.md                     what it takes to get the same numbers

KEY is the hash of what determines the result, so equal work is never done twice and a killed run goes on where it was.
Every record carries a checksum, which is checked whenever it is read (`rftcore.sealing`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from rftcore import lock
from rftcore.errors import RunError
from rftcore.schemas.trajectory import Group, Trajectory
from rftcore.sealing import sealed, unsealed

RUNS = Path("runs")

SCHEMA_VERSION = 2
"""Of a run's folder. Records of version 1 have no checksums; they are read as they are."""

_AGAIN = "\nResume the run: what is missing is made again"


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, record: dict[str, Any]) -> bool:
        """Make the folder and its `run.json`; return True when the same run was already there.

        A `run.json` that is no JSON any more is moved aside, with a RuntimeWarning: what is complete has its own names.

        Raises RunError when the folder belongs to another run, another process works there, or it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"the run folder {str(self.path)!r} cannot be made: {error.strerror}. Choose another place"
            ) from error
        with self.lock():
            self._set_aside_damaged()
            known = (self.path / "run.json").exists()
            found = self.record() if known else record
            if found["id"] != record["id"]:
                raise self.another(found, record["id"])
            if not known or found != record:  # names and places are no part of the id
                write_record(self.path / "run.json", record)
        return known

    def another(self, found: Mapping[str, Any], wanted: str) -> RunError:
        """Return what is to be raised where the folder holds the run `found`, and not the one with the id `wanted`."""
        return RunError(
            f"{str(self.path)!r} holds the run {found['id'][:12]}, this one is {wanted[:12]}: its configuration "
            "differs. Give this run another name, or delete that folder (--fresh does)"
        )

    def record(self) -> dict[str, Any]:
        """Return `run.json`; raises RunError when it is missing or damaged."""
        path = self.path / "run.json"
        try:
            record = read_json(path)
        except RunError as error:
            if not no_json(error):
                raise
            raise RunError(
                f"{error}. Give the command that made this run again, under its name: it writes the file anew and does "
                "not repeat what is complete"
            ) from error
        missing = sorted({"id", "kind", "config", "plan"} - record.keys())
        if missing:
            raise RunError(f"{str(path)!r} is no record of a run: {', '.join(missing)} missing")
        if record.get("schema_version", 1) > SCHEMA_VERSION:
            raise RunError(
                f"{str(path)!r} has schema version {record['schema_version']}, expected at most {SCHEMA_VERSION}: a "
                "later version of rftcore made this run; install that"
            )
        return record

    def _set_aside_damaged(self) -> None:
        path = self.path / "run.json"
        try:
            if path.exists():
                read_json(path)
        except RunError as error:
            if not no_json(error):
                raise
            path.replace(path.with_name("run.json.damaged"))
            warnings.warn(f"{error}; it is now run.json.damaged, and written anew", RuntimeWarning, stacklevel=4)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from working on this run meanwhile. Raises RunError when one does so already."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock.locked(self.path))
            except OSError as error:
                raise _unwritable(self.path / lock.FILE, error) from error
            yield

    @property
    def locked(self) -> bool:
        """True while a process works on this run."""
        return lock.is_locked(self.path)

    def stage(self, key: str) -> Path:
        return self.path / "stages" / key[:16]

    def trajectories(self, key: str, update: int) -> Path:
        """Return the path of the trajectories that an update of a stage learned from, where the run keeps them."""
        return self.stage(key) / "trajectories" / f"{update:06}.jsonl"

    def policy(self, name: str) -> Path:
        """Return the folder of what a policy keeps, such as answers that were paid for."""
        return self.path / "policies" / name

    def cell(self, key: str) -> Path:
        """Return the path of a cell's trajectories; its figures are beside it with the suffix `.json`."""
        return self.path / "cells" / f"{key[:16]}.jsonl"

    def cell_figures(self, key: str) -> Path:
        return self.cell(key).with_suffix(".json")

    def groups(self, key: str) -> list[Group]:
        """Return the trajectories of a cell. Raises RunError when they are missing, damaged, or not all there."""
        check_cell(self.cell(key))
        return read_groups(self.cell(key))

    def delete(self) -> None:
        """Remove the whole run, if there is one.

        Raises RunError when another process works on it, or the folder holds something else.
        """
        grave = self.path.with_name(f".{self.path.name}.deleted")
        shutil.rmtree(grave, ignore_errors=True)
        if not self.path.exists():
            return
        self.check_deletable()
        with self.lock():
            try:
                self.path.rename(grave)  # at once, so that a kill leaves no half of a run behind
            except OSError as error:
                raise RunError(f"{str(self.path)!r} cannot be deleted: {error.strerror}") from error
            shutil.rmtree(grave, ignore_errors=True)

    def check_deletable(self) -> None:
        """Raise RunError when the folder is there and holds something else than a run."""
        if (self.path / "run.json").is_file() or not self.path.exists():
            return
        if any(path.name != lock.FILE for path in self.path.iterdir()):
            raise RunError(
                f"{str(self.path)!r} is not deleted: it holds no run.json, so it is no run. Choose another name"
            )


def find_run(name: str, root: Path = RUNS) -> RunFolder:
    """Return the run called `name`: a name under `root`, a folder, or a unique prefix of an id.

    Raises RunError when there is none, or more than one.
    """
    for path in (root / name, Path(name)):
        if (path / "run.json").is_file():
            return RunFolder(path)
    runs: list[tuple[RunFolder, str]] = []
    for folder in all_runs(root):
        with contextlib.suppress(RunError):
            runs.append((folder, str(folder.record()["id"])))
    matches = [folder for folder, identity in runs if identity.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    known = ", ".join(f"{folder.path.name} ({identity[:12]})" for folder, identity in runs) or "none yet"
    found = "more than one run" if matches else "no run"
    raise RunError(f"{found} is called {name!r} or has an id that begins so. Runs in {str(root)!r}: {known}")


def all_runs(root: Path = RUNS) -> Iterator[RunFolder]:
    """Yield every run under `root`, by name, damaged ones too."""
    if root.is_dir():
        for path in sorted(root.iterdir()):
            if (path / "run.json").is_file():
                yield RunFolder(path)


def no_json(error: RunError) -> bool:
    """Whether a file could be read, but holds something else than was written into it."""
    return isinstance(error.__cause__, ValueError)


def write_json(path: Path, value: Any) -> None:
    """Write `value` atomically, for others to read: it has no checksum."""
    write_text(path, _document(value))


def write_record(path: Path, value: Mapping[str, Any]) -> None:
    """Write an object that a run goes on from, with its checksum, atomically."""
    write_text(path, sealed(_document(value)))


def _document(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write `text` atomically: a reader sees the old file or the new one, with `durable` even after a power cut.

    Raises RunError when the disk is full or the folder is not writable.
    """
    temporary = path.with_name(f".{path.name}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(path)
            if durable:
                _sync(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error) from error


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{str(path)!r} cannot be written: {error.strerror or error}. Nothing that was complete is lost; "
        "make room or change the permissions, then resume the run"
    )


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raises RunError when it is missing or damaged."""
    try:
        value = json.loads(unsealed(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise RunError(f"{str(path)!r} is missing") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{str(path)!r} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise RunError(f"{str(path)!r} holds {type(value).__name__}, expected a JSON object")
    return value


def line(value: Any) -> str:
    """Return `value` as one line of JSON Lines."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def sealed_line(value: Mapping[str, Any]) -> str:
    """Return `value` as one line of a log, with its checksum."""
    return sealed(line(value))


def append_line(path: Path, value: Mapping[str, Any], *, durable: bool = True) -> None:
    """Append one line with its checksum, after cutting off what a killed writer left unfinished.

    A `durable` one is on the disk then, so that a power cut does not take it.

    Raises RunError when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            _cut_unfinished(file)
            file.write(sealed_line(value).encode("utf-8"))
            if durable:
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise _unwritable(path, error) from error


def _cut_unfinished(file: IO[bytes]) -> None:
    """Truncate to the end of the last whole line."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the values of a JSON Lines file, without a last line that a killed writer left unfinished.

    Raises RunError when another line is damaged.
    """
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        return [json.loads(unsealed(line)) for line in lines[:-1] if line]
    except (OSError, ValueError) as error:
        raise RunError(f"{str(path)!r} cannot be read: {error}{_AGAIN}") from error


def check_cell(path: Path) -> None:
    """Raise RunError when a line of a cell's trajectories, at `path`, is not what was written, or is not there."""
    figures = path.with_suffix(".json")
    expected = read_json(figures).get("trajectories") if figures.is_file() else None  # None before version 2
    try:
        lines = [text for text in path.read_text(encoding="utf-8").split("\n") if text]
        for text in lines:
            unsealed(text, certainly=expected is not None)
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if expected is not None and len(lines) != expected:
        raise _damaged(path, f"found {len(lines)}, expected {expected}")


def write_groups(path: Path, groups: Iterable[Group]) -> None:
    """Store trajectories, one a line, in the order of the groups."""
    write_text(path, "".join(sealed(f"{t.model_dump_json()}\n") for group in groups for t in group.trajectories))


def read_groups(path: Path) -> list[Group]:
    """Read what `write_groups` wrote; raises RunError when the file is missing or not of this form."""
    try:
        # Not splitlines: an observation may hold U+2028 and the like, which JSON leaves as they are.
        lines = path.read_text(encoding="utf-8").split("\n")
        trajectories = [Trajectory.model_validate_json(unsealed(line)) for line in lines if line]
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    groups: dict[str, list[Trajectory]] = {}
    for trajectory in trajectories:
        groups.setdefault(trajectory.task.id, []).append(trajectory)
    return [Group(task=found[0].task, trajectories=tuple(found)) for found in groups.values()]


def _missing(path: Path) -> RunError:
    return RunError(f"the trajectories {str(path)!r} are missing{_AGAIN}")


def _damaged(path: Path, what: object) -> RunError:
    return RunError(f"the trajectories {str(path)!r} are damaged: {what}{_AGAIN}")
