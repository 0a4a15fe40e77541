"""The task lists of environments, pinned by their hashes, after checking what a fair study needs of them.

A task has one id and one place, no test task is a train task under another name, and a task begins the same way each
time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rftcore.attempts import seen
from rftcore.environment import Environment
from rftcore.errors import EpisodeError, SplitError
from rftcore.schemas.task import SPLITS, Split, Task, manifest


def task_lists(environments: Mapping[str, Environment]) -> dict[str, str]:
    """Return `environment/difficulty/split` -> sha256 of its ordered task list, for every list there is.

    Raises SplitError when a list is empty, an id is used twice, or a test task has the content of a train task.
    """
    manifests = {}
    for name, environment in environments.items():
        seen: dict[str, str] = {}
        trained: dict[str, str] = {}
        for split in SPLITS:
            for difficulty in environment.difficulties:
                tasks = listed(name, environment, split, difficulty)
                _check_once(name, tasks, f"{difficulty}/{split}", seen)
                if split == "train":
                    trained |= {task.content: task.id for task in tasks}
                else:
                    _check_unseen(name, tasks, trained)
                manifests[f"{name}/{difficulty}/{split}"] = manifest(tasks)
    return manifests


def listed(name: str, environment: Environment, split: Split, difficulty: str) -> Sequence[Task]:
    """Return a list of tasks. Raises SplitError when it is empty."""
    tasks = environment.tasks(split, difficulty)
    if not tasks:
        raise SplitError(f"{name} lists no {split} tasks of difficulty {difficulty!r}")
    return tasks


def check_start(environment: Environment, task: Task) -> None:
    """Raise SplitError when `task`, started twice, does not begin with the same observation.

    One that cannot be started is not judged: the rollout tries again, and counts what it loses.
    """
    try:
        begun = [seen(environment, [task], lambda episode: episode.observation) for _ in range(2)]
    except EpisodeError:
        return
    if begun[0] != begun[1]:
        raise SplitError(
            f"task {task.id!r} begins with {begun[0]!r} and, started again, with {begun[1]!r}; "
            "expected the same first observation each time: report it to the authors of the environment"
        )


def _check_once(name: str, tasks: Sequence[Task], place: str, seen: dict[str, str]) -> None:
    """Add the ids of `tasks` to `seen`. Raises SplitError when one is there already."""
    for task in tasks:
        if task.id in seen:
            raise SplitError(f"task {task.id!r} of {name} is in {seen[task.id]} and in {place}; expected one")
        seen[task.id] = place


def _check_unseen(name: str, tasks: Sequence[Task], trained: Mapping[str, str]) -> None:
    """Raise SplitError when a test task is a train task under another id."""
    for task in tasks:
        other = trained.get(task.content)
        if other is not None:
            raise SplitError(
                f"the test task {task.id!r} of {name} has the content of the train task {other!r}; expected none in "
                "common: report it to the authors of the environment"
            )
