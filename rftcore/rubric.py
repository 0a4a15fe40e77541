"""The contract of labels for trajectories: what may hold of one, by rules, and in words for a judge who reads.

A metric that labels has a rubric. Core asks a judge with it (`rftcore judge`) and measures how far judge, rules and
labels by hand agree. No figure of a report comes from a judge.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from rftcore.policy import Message
from rftcore.schemas.trajectory import Trajectory


class Example(NamedTuple):
    """A trajectory that a person, or whoever stands in for one, has labelled."""

    trajectory: Trajectory
    labels: frozenset[str]


class Agreement(NamedTuple):
    """One label: of how many trajectories it holds, in how many it was found, and both."""

    label: str
    held: int
    found: int
    both: int

    @property
    def precision(self) -> float | None:
        """Share of the found ones of which it holds, in [0, 1]; None when none was found."""
        return self.both / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """Share of those of which it holds that were found, in [0, 1]; None when it holds of none."""
        return self.both / self.held if self.held else None


def agreement(labels: Iterable[str], pairs: Collection[tuple[frozenset[str], frozenset[str]]]) -> list[Agreement]:
    """Return the agreement on each of `labels`; each pair is what holds of a trajectory, and what was found in it."""
    return [
        Agreement(
            label,
            held=sum(label in held for held, _ in pairs),
            found=sum(label in found for _, found in pairs),
            both=sum(label in held and label in found for held, found in pairs),
        )
        for label in labels
    ]


class Rubric(ABC):
    """Says what may hold of a trajectory, and how one asks for it."""

    labels: Sequence[str]
    """What a judge is asked for."""

    @abstractmethod
    def by_rules(self, trajectory: Trajectory) -> frozenset[str]:
        """Return which of `labels` hold by rules."""

    @abstractmethod
    def question(self, trajectory: Trajectory) -> tuple[Message, ...] | None:
        """Return what a judge is asked about a trajectory; None where there is nothing to ask, as after a success."""

    @abstractmethod
    def read(self, answer: str) -> frozenset[str] | None:
        """Return which of `labels` an answer says hold; None for an answer of another form than was asked for."""

    @abstractmethod
    def examples(self) -> Sequence[Example]:
        """Return trajectories with labels by hand, by which a judge is measured."""
