"""What a run does when the machine fails and not the agent: how long it waits, and when it stops.

A sample that was lost to the machine is in no score and no update, so what is left is a sample of what worked. One in a
thousand changes nothing; a tenth may be a whole kind of task. The breaker stops a run before it learns from what is
left, or reports it. It changes no number: a run that it does not stop is the run without it.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from pydantic import Field, model_validator

from rftcore.errors import RunError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Trajectory

SHOWN = 5
"""Lost samples that the message tells of, the first ones of each environment."""


class Faults(Frozen):
    """How long an episode may take, and how many samples an environment may lose before the run stops."""

    step_seconds: float | None = Field(default=None, gt=0)
    """Longest that an environment may take for one step, or for the start of an episode; null: nobody watches it."""
    episode_seconds: float | None = Field(default=None, gt=0)
    """Longest that an episode may take, the policy's answers included; null: as long as it likes."""
    lost_share: float = Field(default=0.1, gt=0, le=1)
    """Share of an environment's samples, lost to the machine after all attempts, at which the run stops; 1: never."""
    window: int = Field(default=200, ge=1)
    """How many of an environment's samples count as its newest."""
    least: int = Field(default=10, ge=1)
    """Fewest lost samples among them that stop a run, so that no small number is taken for a share."""

    @property
    def deadlines(self) -> dict[str, float]:
        """The deadlines that are set, by key: all that can change a number of a run that is not stopped."""
        both = {"step_seconds": self.step_seconds, "episode_seconds": self.episode_seconds}
        return {key: limit for key, limit in both.items() if limit is not None}

    @property
    def longest_step(self) -> float | None:
        """Seconds that one call of an environment is waited for; None where neither deadline is set."""
        return min(self.deadlines.values(), default=None)

    def too_many(self, lost: int, samples: int) -> bool:
        """Whether so many lost samples of so many stop a run."""
        return self.lost_share < 1 and lost >= self.least and lost >= self.lost_share * samples

    def accepting(self, lost: int, samples: int) -> str:
        """Return which settings accept so many lost samples of so many, for a person who is told that they stop it."""
        above = math.ceil(100 * lost / samples) / 100
        share = f"faults.lost_share above {above} (at 1 no loss stops it)" if above < 1 else "faults.lost_share=1"
        return f"{share}, or faults.least above {lost}" if lost < self.window else share

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.least > self.window:
            raise ValueError(f"least to be at most window ({self.window}), or the run would never stop")
        return self


@dataclass
class _Record:
    """What has become of an environment's samples."""

    newest: deque[bool]
    """Whether each of the newest samples was lost."""
    coming: int = 0
    """Samples that are announced and not yet told."""
    statuses: Counter[str] = field(default_factory=Counter)
    samples: Counter[str] = field(default_factory=Counter)
    """By difficulty, as `lost`."""
    lost: Counter[str] = field(default_factory=Counter)
    first: list[Trajectory] = field(default_factory=list)


class Breaker:
    """Counts the samples of one job by environment, and stops the job when too many are lost."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._records: dict[str, _Record] = {}

    def expects(self, tasks: Sequence[Task], samples: Sequence[int]) -> None:
        """Announce what a rollout plays, so many `samples` of each of `tasks`.

        Losses are judged as a share of those too, as far as the window goes: whoever plays task after task meets a
        broken one with all of its samples in a row, and they are no share of anything yet.
        """
        for task, count in zip(tasks, samples, strict=True):
            self._record(task.environment).coming += count

    def told(self, trajectory: Trajectory) -> None:
        """Count a sample that was played to its end, or lost for good.

        Raises RunError, with counts and the first losses, when too many of its environment's newest samples are lost. A
        budget that was spent is no failure.
        """
        name, difficulty = trajectory.task.environment, trajectory.task.difficulty
        record = self._record(name)
        record.coming = max(0, record.coming - 1)
        if trajectory.status == "budget":
            return
        record.newest.append(trajectory.masked)
        record.samples[difficulty] += 1
        if not trajectory.masked:
            return
        record.lost[difficulty] += 1
        record.statuses[trajectory.status] += 1
        if len(record.first) < SHOWN:
            record.first.append(trajectory)
        lost, judged = sum(record.newest), min(self.faults.window, len(record.newest) + record.coming)
        if self.faults.too_many(lost, judged):
            raise RunError(self._evidence(name, record, lost, judged))

    def _record(self, name: str) -> _Record:
        return self._records.setdefault(name, _Record(deque(maxlen=self.faults.window)))

    def _evidence(self, name: str, record: _Record, lost: int, judged: int) -> str:
        newest = len(record.newest)
        of_what = f" of these and the next {judged - newest}" if judged > newest else ""
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(record.statuses.items()))
        places = ", ".join(
            f"{difficulty} {record.lost[difficulty]} of {count}" for difficulty, count in sorted(record.samples.items())
        )
        culprit = "the sampler" if set(record.statuses) == {"sampler_error"} else name
        first = "\n".join(f"  {t.task.id}, sample {t.sample}: {t.status}, {t.error}" for t in record.first)
        return (
            f"{name}: {lost} of its newest {newest} samples were lost to the machine, each after "
            f"{record.first[0].attempts} attempts; expected fewer than {self.faults.lost_share:.0%}{of_what}, or fewer "
            f"than {self.faults.least}. The samples that are left may be those of the easier tasks, so the run stops "
            f"before it learns from them or reports them.\nLost in all: {statuses}. By difficulty: {places}. The "
            f"first:\n{first}\nMend {culprit}, then go on; or accept more, with which the same run may go on: "
            f"{self.faults.accepting(lost, judged)}"
        )
