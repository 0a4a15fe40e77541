"""An environment whose easy and hard tasks are those of a calibration file.

Difficulty is part of a task's identity, so a task that is called otherwise is another task: it gets an id with the
calibration's digest in it, and a digest of its own. It is played as the task that it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rftcore.environment import Environment, Episode
from rftcore.errors import ConfigError
from rftcore.options import validate
from rftcore.schemas.calibration import DIFFICULTIES, Calibration
from rftcore.schemas.frozen import digest
from rftcore.schemas.task import SPLITS, Split, Task, manifest
from rftcore.wrapped import Wrapped

LARGEST = 64 << 20
"""Bytes of a calibration file; a hundred thousand tasks take a tenth of it."""


def read_calibration(file: Path | str) -> Calibration:
    """Return what a calibration file holds. Raises ConfigError when it is missing, damaged or something else."""
    file = Path(file)
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise ConfigError(f"calibration {str(file)!r} has {size:,} bytes, expected at most {LARGEST:,}")
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"calibration {str(file)!r} cannot be read: {error.strerror or error}; `rftcore calibrate` makes one"
        ) from error
    except ValueError as error:
        raise ConfigError(
            f"calibration {str(file)!r} is no JSON: {error}; expected a file that `rftcore calibrate` wrote"
        ) from error
    return validate(Calibration, content, f"calibration {str(file)!r}")


class Calibrated(Wrapped):
    """`environment` with the difficulties `easy` and `hard` of `calibration`; tasks of neither are left out."""

    def __init__(self, environment: Environment, calibration: Calibration) -> None:
        """Raise ConfigError when the calibration is of another environment, or of other task lists than it has now."""
        super().__init__(environment, DIFFICULTIES)
        self._calibration = calibration
        originals = _originals(environment, calibration)
        mark = digest(calibration)[:12]
        self._tasks: dict[tuple[Split, str], tuple[Task, ...]] = {}
        self._originals: dict[str, Task] = {}
        for difficulty, lists in (("easy", calibration.easy), ("hard", calibration.hard)):
            for split in SPLITS:
                old = [_known(originals, calibration, split, key) for key in lists.get(split, ())]
                new = tuple(_renamed(task, difficulty, mark) for task in old)
                self._tasks[split, difficulty] = new
                self._originals |= {task.id: original for task, original in zip(new, old, strict=True)}

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the calibrated list. Raises ConfigError when it is empty, or `difficulty` is unknown."""
        if difficulty not in DIFFICULTIES:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(DIFFICULTIES)}")
        if not self._tasks[split, difficulty]:
            raise ConfigError(
                f"the calibration of {self.name} has no {difficulty} {split} tasks; "
                "calibrate both splits, more tasks, or with another --threshold"
            )
        return self._tasks[split, difficulty]

    def start(self, task: Task) -> Episode:
        """Begin `task` as the task that it was before it was calibrated."""
        return self._environment.start(self._originals.get(task.id, task))

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return the environment's own, but for what it says of its own difficulties, and who calibrated it."""
        own = self._environment.facts()
        made, now = self._calibration.options, self._environment.config.model_dump(mode="json")
        changed = ", ".join(sorted(key for key in {*made, *now} if made.get(key) != now.get(key)))
        return {
            **{name: value for name, value in own.items() if not name.startswith("expert_turns_")},
            "calibrated_by": self._calibration.policy.name,
            "calibration_k": self._calibration.k,
            "calibration_threshold": self._calibration.threshold,
            **({"calibrated_with_other": changed} if changed else {}),
        }


def _originals(environment: Environment, calibration: Calibration) -> dict[str, Task]:
    """Return the environment's own tasks by id, from the lists that were calibrated, after checking these."""
    if calibration.environment != environment.name:
        raise ConfigError(
            f"found a calibration of {calibration.environment}, expected one of {environment.name}; "
            f"make it: rftcore calibrate {environment.name} --policy ..."
        )
    tasks: dict[str, Task] = {}
    for place, expected in calibration.manifests.items():
        difficulty, _, name = place.rpartition("/")
        split = next((split for split in SPLITS if split == name), None)
        if split is None or difficulty not in environment.difficulties:
            raise ConfigError(f"the calibration is of the list {place!r}, which {environment.name} does not have")
        own = environment.tasks(split, difficulty)
        if manifest(own) != expected:
            raise ConfigError(
                f"the task list {place} of {environment.name} has changed since it was calibrated (sha256 "
                f"{expected[:12]}, now {manifest(own)[:12]}): its version, options or data differ; calibrate again"
            )
        tasks |= {task.id: task for task in own}
    return tasks


def _known(originals: dict[str, Task], calibration: Calibration, split: Split, key: str) -> Task:
    task = originals.get(key)
    if task is None or task.split != split:
        raise ConfigError(
            f"the calibration lists {key!r} among the {split} tasks of {calibration.environment}, which it is not; "
            "calibrate again"
        )
    return task


def _renamed(task: Task, difficulty: str, mark: str) -> Task:
    """Return `task` under another difficulty: `textcraft/hard/test/calibrated-1f2e3d/easy/ladder/3`."""
    key = task.id.removeprefix(f"{task.environment}/{task.difficulty}/{task.split}/")
    name = f"{task.environment}/{difficulty}/{task.split}/calibrated-{mark}/{task.difficulty}/{key}"
    return task.model_copy(update={"id": name, "difficulty": difficulty})
