"""Task lists of one's own: a file of tasks that takes the place of lists that an environment has.

A file is JSON Lines. A line is the id of a task that the environment lists, as a string, or a whole task. The lists
that it has tasks of, each a split of a difficulty, are replaced; the environment's other lists stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rftcore.environment import Environment
from rftcore.errors import ConfigError
from rftcore.options import validate
from rftcore.schemas.task import SPLITS, Split, Task
from rftcore.wrapped import Wrapped

Entry = tuple[int, str | Task]
"""Number of a line, from 1, and what it holds: an id or a whole task."""


def read_tasks(file: Path | str) -> list[Entry]:
    """Return what a file of tasks holds. Raises ConfigError, with the line, where it holds something else."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"tasks {str(file)!r} cannot be read: {error}; expected JSON Lines of tasks") from error
    found = list(_entries(file, text))
    if not found:
        raise ConfigError(f"tasks {str(file)!r}: found no task, expected at least one")
    return found


def _entries(file: Path | str, text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), start=1):  # not splitlines: a text may hold U+2028 and the like
        if not line.strip():
            continue
        where = f"tasks {str(file)!r}, line {number}"
        try:
            value = json.loads(line)
        except ValueError as error:
            raise ConfigError(f"{where}: {error}; expected a task's id in quotes, or a whole task as JSON") from error
        yield number, value if isinstance(value, str) else validate(Task, value, where)


class Listed(Wrapped):
    """`environment` with the tasks of a file."""

    def __init__(self, environment: Environment, file: Path | str) -> None:
        """Read `file`. Raises ConfigError for what is no task of this environment, a taken id, or a task twice."""
        super().__init__(environment)
        known = {
            task.id: task
            for difficulty in environment.difficulties
            for split in SPLITS
            for task in environment.tasks(split, difficulty)
        }
        lists: dict[tuple[Split, str], dict[str, Task]] = {}
        for number, entry in read_tasks(file):
            where = f"tasks {str(file)!r}, line {number}"
            task = _known(known, entry, environment, where) if isinstance(entry, str) else entry
            _check_place(task, environment, known.get(task.id), where)
            own = lists.setdefault((task.split, task.difficulty), {})
            if task.id in own:
                raise ConfigError(f"{where}: found {task.id!r} again, expected each task once")
            own[task.id] = task
        self._file = str(file)
        self._lists = {place: tuple(own.values()) for place, own in lists.items()}
        self._unlisted = [task for own in self._lists.values() for task in own if task.id not in known]

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the file's list in its order, or the environment's own where the file has none of it."""
        return self._lists.get((split, difficulty)) or self._environment.tasks(split, difficulty)

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return the environment's own, but for what it says of lists that are replaced, and which these are."""
        own = self._environment.facts()
        for split, difficulty in self._lists:
            if split == "train":
                own.pop(f"expert_turns_{difficulty}", None)
        lists = (f"{difficulty}/{split} ({len(found)})" for (split, difficulty), found in self._lists.items())
        return {**own, "own_tasks": ", ".join(lists)}

    def check_starts(self) -> None:
        """Start each task that the environment does not list itself. Raises ConfigError when one cannot be started."""
        for task in self._unlisted:
            try:
                self._environment.start(task).close()
            except Exception as error:  # whatever an environment makes of content that is not its own
                raise ConfigError(
                    f"tasks {self._file!r}: {self.name} cannot start {task.id!r}: {type(error).__name__}: {error}; "
                    "expected `data` and `answer` as in its own tasks"
                ) from error


def _known(known: dict[str, Task], name: str, environment: Environment, where: str) -> Task:
    if name not in known:
        from difflib import get_close_matches

        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"its ids look like {next(iter(known))!r}"
        raise ConfigError(f"{where}: {environment.name} lists no task {name!r}; {hint}")
    return known[name]


def _check_place(task: Task, environment: Environment, taken: Task | None, where: str) -> None:
    """Raise ConfigError when a task's own words about its place do not agree with each other and the environment."""
    if task.environment != environment.name:
        raise ConfigError(f"{where}: found a task of {task.environment!r}, expected one of {environment.name!r}")
    if task.difficulty not in environment.difficulties:
        raise ConfigError(
            f"{where}: found difficulty {task.difficulty!r}, expected one of {', '.join(environment.difficulties)}"
        )
    start = f"{task.environment}/{task.difficulty}/{task.split}/"
    if not task.id.removeprefix(start) or not task.id.startswith(start):
        raise ConfigError(f"{where}: found the id {task.id!r}, expected one that begins with {start!r}")
    if taken is not None and taken.digest != task.digest:
        raise ConfigError(
            f"{where}: {task.id!r} is the id of another task that {environment.name} lists; expected one of its own"
        )
