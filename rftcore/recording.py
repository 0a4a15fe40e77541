"""Recorded trajectories of training tasks, as somebody else's demonstrations: of another run, or in a file.

They are read whole and checked before anything is trained. It refuses trajectories of test tasks: whatever learned from
them could not be measured any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rftcore.errors import ConfigError
from rftcore.models import sha256
from rftcore.policies.replay import recorded
from rftcore.schemas.frozen import digest
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Trajectory


class Recording:
    """The trajectories at `place`, a run's folder or a file with one trajectory a line."""

    def __init__(self, place: str) -> None:
        """Read everything; what the machine spoiled is left out.

        Raises ConfigError when there is nothing to learn from, when something is no trajectory, or is one of a test
        task.
        """
        self.place = place
        self._tasks: dict[tuple[str, str], list[Trajectory]] = {}
        for file in _files(place):
            for number, trajectory in recorded(file, "recorded trajectories"):
                task = trajectory.task
                if task.split != "train":
                    raise ConfigError(
                        f"recorded trajectories: {file}, line {number}: found one of the {task.split} task "
                        f"{task.id!r}, expected training tasks only: who learns from test tasks cannot be measured on "
                        "them"
                    )
                if trajectory.turns and not trajectory.masked:
                    self._tasks.setdefault((task.environment, task.id), []).append(trajectory)
        for found in self._tasks.values():
            found.sort(key=lambda trajectory: not trajectory.success)
        if not self._tasks:
            raise ConfigError(f"recorded trajectories: {place!r} holds none with a turn; expected at least one")

    def of(self, task: Task) -> Sequence[Trajectory]:
        """Return the trajectories of a task, the successful ones first, otherwise as they were recorded."""
        return self._tasks.get((task.environment, task.id), ())

    def pools(self, pools: Mapping[str, Sequence[Task]]) -> dict[str, Sequence[Task]]:
        """Return the tasks of each `environment:difficulty` of which there is a trajectory.

        Raises ConfigError where there is none for a whole pool, or where a task is not the one that was recorded.
        """
        kept = {pool: [task for task in tasks if self.of(task)] for pool, tasks in pools.items()}
        for pool, tasks in kept.items():
            if not tasks:
                held = {f"{each.task.environment}:{each.task.difficulty}" for (each, *_) in self._tasks.values()}
                raise ConfigError(
                    f"recorded trajectories: {self.place!r} holds none of a training task of {pool}; it holds "
                    f"{', '.join(sorted(held))}"
                )
            changed = [task.id for task in tasks if any(each.task.digest != task.digest for each in self.of(task))]
            if changed:
                raise ConfigError(
                    f"recorded trajectories: {len(changed)} tasks of {pool} in {self.place!r}, such as {changed[0]!r}, "
                    "are not what they were; expected the same tasks: install the versions that they were recorded "
                    "with, or record them again"
                )
        return dict(kept)


def fingerprint(place: str) -> str:
    """Return the sha256 of what is recorded at `place`, wherever that lies. Raises ConfigError when it is not there."""
    try:
        return digest([sha256(file) for file in _files(place)])
    except OSError as error:
        raise ConfigError(f"recorded trajectories: {place!r} cannot be read: {error.strerror}") from error


def _files(place: str) -> list[Path]:
    path = Path(place)
    if path.is_file():
        return [path]
    if not path.exists():
        raise ConfigError(
            f"recorded trajectories: {place!r} is not there; expected a run's folder, or a file with one trajectory a "
            "line"
        )
    files = sorted(path.glob("stages/*/trajectories/*.jsonl"))
    if not files:
        raise ConfigError(
            f"recorded trajectories: the folder {place!r} holds none of training; expected that of a run that was made "
            "with training.record=true"
        )
    return files
