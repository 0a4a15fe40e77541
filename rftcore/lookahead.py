"""Rollouts that are begun before they are learned from: which ones, in which order, and with how old weights.

With `training.max_staleness` s the rollouts of update u + s begin when the learner has u updates behind it, and it then
makes update u of what was begun s updates before: one-step off-policy for s = 1 (M. Noukhovitch et al., Asynchronous
RLHF, arXiv 2410.18252), bounded staleness in general (AReaL, arXiv 2505.24298). With s = 0 an update's rollouts begin
when it is due, and nothing is ahead. What begins when follows from the number of the update alone, never from a clock.

This file knows the order; `rftcore.overlap` knows how something is played beside the learner.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from rftcore.errors import RunError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Group


class Ahead(Frozen):
    """What was played for an update that is still to be made."""

    update: int
    groups: tuple[Group, ...]


class Lookahead:
    """The rollouts of a stage, in the order of its updates."""

    def __init__(self, staleness: int, updates: int, begin: Callable[[int], Future[list[Group]]]) -> None:
        """`begin` begins the rollouts of an update of the `updates` of a stage, with the newest weights."""
        self._staleness, self._updates, self._begin = staleness, updates, begin
        self._begun: dict[int, Future[list[Group]]] = {}
        self._next = 0

    def take(self, update: int) -> list[Group]:
        """Begin what is due when `update` is, and return the groups of `update`. Raises what their playing raised.

        Updates are taken in order, from 0 or from the one that `restore` told.
        """
        for later in range(max(self._next, update), min(update + self._staleness + 1, self._updates)):
            self._begun[later] = self._begin(later)
            self._next = later + 1
        return self._begun.pop(update).result()

    def stored(self) -> str:
        """Wait for what is being played, and return it as JSON Lines: a resumed stage learns from the same."""
        waiting = [Ahead(update=update, groups=tuple(begun.result())) for update, begun in self._begun.items()]
        return "".join(f"{ahead.model_dump_json()}\n" for ahead in waiting)

    def restore(self, update: int, file: Path) -> None:
        """Take up what `stored` returned when `update` was the next to be made. Raises RunError when it is damaged."""
        due = list(range(update, min(update + self._staleness, self._updates)))
        try:
            # Not splitlines: an observation may hold U+2028 and the like, which JSON leaves as they are.
            lines = file.read_text(encoding="utf-8").split("\n") if due else []
            found = [Ahead.model_validate_json(line) for line in lines if line]
        except (OSError, ValueError) as error:
            raise RunError(f"the rollouts {str(file)!r} cannot be read: {error}") from error
        if [ahead.update for ahead in found] != due:
            raise RunError(
                f"the rollouts {str(file)!r} are those of updates {[ahead.update for ahead in found]}, expected {due}"
            )
        for ahead in found:
            self._begun[ahead.update] = done = Future[list[Group]]()
            done.set_result(list(ahead.groups))
        self._next = update + len(due)
