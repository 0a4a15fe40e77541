"""What the records of a study say about each task: the step from trajectories to tallies, and its checks.

Two checkpoints are compared on the same tasks or not at all: equal ids with equal content. Anything else is refused
with an error, never patched over by comparing what happens to overlap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from rftcore.errors import RunError
from rftcore.metric import CellData
from rftcore.schemas.trajectory import Group
from rftcore_generalization.tally import Pair, Tally

Place = tuple[str, str]
"""Environment and difficulty: where a cell stands, and what a pool of training tasks is called."""


def tally(group: Group) -> Tally | None:
    """Return the successes among the samples that count; None when the machine spoiled all of them."""
    usable = group.usable
    successes = sum(trajectory.success for trajectory in usable)
    return Tally(successes, len(usable), group.task.family or "") if usable else None


@dataclass(frozen=True)
class Evidence:
    """One cell of the study, in the order of task ids, so that the order of the groups cannot matter."""

    data: CellData

    @property
    def place(self) -> Place:
        return self.data.environment, self.data.difficulty

    @cached_property
    def groups(self) -> dict[str, Group]:
        """Task id -> its samples. Raises RunError when a task occurs twice."""
        groups = {group.task.id: group for group in sorted(self.data.groups, key=lambda group: group.task.id)}
        if len(groups) != len(self.data.groups):
            raise RunError(
                f"{_title(self.data)}: {len(self.data.groups)} groups of only {len(groups)} different tasks; expected "
                "one group of k samples for each task. Evaluate this checkpoint again"
            )
        return groups

    @cached_property
    def tallies(self) -> list[Tally]:
        """One for each task with at least one sample that counts."""
        return [counted for group in self.groups.values() if (counted := tally(group)) is not None]

    def pairs(self, before: Evidence) -> list[Pair]:
        """Return this cell's tasks beside the same tasks of `before`, without those that either side lost entirely.

        Raises RunError when the two cells were not evaluated on the same tasks.
        """
        self._check_tasks(before)
        pairs = []
        for identity, group in self.groups.items():
            now, then = tally(group), tally(before.groups[identity])
            if now is not None and then is not None:
                pairs.append(Pair(after=now, before=then))
        return pairs

    def _check_tasks(self, before: Evidence) -> None:
        both = f"{_title(self.data)} and {_title(before.data)}"
        if unshared := sorted(self.groups.keys() ^ before.groups.keys()):
            raise RunError(
                f"{both} were evaluated on different tasks: {len(unshared)} occur in only one of them, the first is "
                f"{unshared[0]!r}. Checkpoints are compared on the same tasks only; evaluate both on one task list"
            )
        for identity, group in self.groups.items():
            if group.task.digest != before.groups[identity].task.digest:
                raise RunError(
                    f"{both}: the task {identity!r} has one id but two contents (sha256 {group.task.digest[:12]} and "
                    f"{before.groups[identity].task.digest[:12]}). Were they recorded with different versions or "
                    "options of the environment? Evaluate both with one"
                )


def collect(cells: Iterable[CellData]) -> dict[str, dict[Place, Evidence]]:
    """Return checkpoint -> (environment, difficulty) -> evidence, in the order given.

    Raises RunError when a checkpoint has two cells of one environment and difficulty.
    """
    found: dict[str, dict[Place, Evidence]] = {}
    for data in cells:
        evidence = Evidence(data)
        row = found.setdefault(data.train, {})
        if evidence.place in row:
            raise RunError(f"{_title(data)} occurs twice in the study; expected one evaluation of each. Remove one")
        row[evidence.place] = evidence
    return found


def _title(data: CellData) -> str:
    return f"{data.train!r} on {data.environment} {data.difficulty}"
