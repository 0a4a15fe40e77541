"""What failures of the machine took from the samples of each place, counted as they are written down.

A place is an environment and a difficulty, `textcraft:hard`: whoever reads the counts wants to know whether what was
lost is the harder part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from rftcore.schemas.trajectory import Group


@dataclass
class Tally:
    """The samples of one place."""

    samples: int = 0
    episodes: int = 0
    """Attempts: episodes that were begun for the samples, so equal to `samples` where none failed."""
    successes: int = 0
    """Among the samples that are not masked."""
    masked: Counter[str] = field(default_factory=Counter)
    """Samples that were lost for good, by status."""
    unclosed: int = 0
    """Samples whose episode could not be closed, masked or not."""

    @property
    def lost(self) -> int:
        """Masked samples of every status."""
        return self.masked.total()

    @property
    def success(self) -> float | None:
        """Share of successes among the samples that are not masked; None without any."""
        usable = self.samples - self.lost
        return self.successes / usable if usable else None

    @property
    def bounds(self) -> tuple[float, float]:
        """Success were all masked samples failures, and were all of them successes.

        The worst-case bounds of Manski (1990), "Nonparametric Bounds on Treatment Effects", American Economic Review
        80(2): with s successes of n samples and m masked ones, s / n and (s + m) / n.
        """
        return self.successes / self.samples, (self.successes + self.lost) / self.samples

    def add(self, other: Tally) -> None:
        """Count the samples of `other` too."""
        self.samples += other.samples
        self.episodes += other.episodes
        self.successes += other.successes
        self.masked += other.masked
        self.unclosed += other.unclosed

    def written(self) -> dict[str, Any]:
        """Return the counts as JSON holds them; `Tally.read` reads them."""
        return {
            "samples": self.samples,
            "episodes": self.episodes,
            "successes": self.successes,
            "masked": dict(sorted(self.masked.items())),
            **({"unclosed": self.unclosed} if self.unclosed else {}),
        }

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Return what `written` wrote."""
        masked = Counter(value["masked"])
        return cls(value["samples"], value["episodes"], value["successes"], masked, value.get("unclosed", 0))


def tallies(groups: Iterable[Group]) -> dict[str, Tally]:
    """Return the tally of each place, `environment:difficulty`, in alphabetical order."""
    found: dict[str, Tally] = {}
    for group in groups:
        tally = found.setdefault(f"{group.task.environment}:{group.task.difficulty}", Tally())
        for trajectory in group.trajectories:
            tally.samples += 1
            tally.episodes += trajectory.attempts
            tally.successes += trajectory.success and not trajectory.masked
            tally.unclosed += trajectory.unclosed is not None
            if trajectory.masked:
                tally.masked[trajectory.status] += 1
    return dict(sorted(found.items()))
