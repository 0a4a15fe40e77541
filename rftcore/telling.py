"""What a job tells while it works: how far it is, what it counted, and what it measured last.

Counts are those since the job last told anything, so that whoever listens can add them up and divide by the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from rftcore import launch, registry
from rftcore.executors.target import Report
from rftcore.policy import Spending
from rftcore.schemas.config import Settings
from rftcore.schemas.trajectory import Group, Trajectory

COUNTS = frozenset(
    {
        *("answers", "cut", "episodes", "learned_tokens", "masked", "overflowed", "retried", "sampled_tokens"),
        *("unclosed", "unpaid"),
    }
)
"""Figures that are counts: answers of a model and how many of them reached the longest that was allowed; episodes, and
how many of those were played again; samples that were lost to the machine, that did not fit the context, that no
budget was left for, or whose episode could not be closed; tokens that were sampled and that were learned from. All
others are measurements."""

_MEASURED = ("drift", "entropy", "kl", "rows", "sampler_gap", "success", "validation")
"""What is told of an update's line, as far as it is there; and `zero_variance`, where groups are compared."""


class Telling:
    """How far one job is, told as it goes on."""

    def __init__(
        self, report: Report, total: int, done: int = 0, *, longest: int, apart: bool = False, grouped: bool = False
    ) -> None:
        """`done` of `total` steps are behind the job; an answer has at most `longest` tokens.

        Episodes are told as they end, or `apart`, where others play some of them: those of a stage with their update,
        those of a cell when all are played. `grouped` is what the algorithm's spec says.
        """
        self._report, self._total, self._done = report, total, done
        self._longest, self._apart = longest, apart
        self._measured = (*_MEASURED, "zero_variance") if grouped else _MEASURED
        self._remark = ""
        self._successes = self._usable = 0

    @classmethod
    def of_stage(cls, report: Report, config: Settings, updates: int, done: int) -> Self:
        """Return that of a stage with the settings `config`, which has `done` of its updates behind it."""
        spec: Any = registry.spec("algorithm", config.algorithm.name)
        apart = config.training.max_staleness > 0 or launch.count() > 1
        longest = config.sampling.max_new_tokens
        return cls(report, updates, done, longest=longest, apart=apart, grouped=spec.grouped)

    def begins(self) -> None:
        """Say that the job is there, and loads what it needs."""
        self._report(self._done, self._total, "starts")

    def works(self) -> None:
        """Say that the work itself begins."""
        self._report(self._done, self._total, self._remark)

    def rolled_out(self, trajectory: Trajectory) -> None:
        """Count an episode of a stage."""
        if not self._apart:
            self._report(self._done, self._total, self._remark, counts([trajectory], self._longest))

    def updated(self, line: Mapping[str, Any], groups: Iterable[Group]) -> None:
        """Tell what an update wrote down, and what it learned from."""
        self._done, self._remark = int(line["update"]) + 1, f"success {line['success']:.2f}"
        figures = {name: float(line[name]) for name in self._measured if name in line}
        figures["learned_tokens"] = float(line["learned_tokens"])
        if self._apart:
            figures |= counts((t for group in groups for t in group.trajectories), self._longest)
        self._report(self._done, self._total, self._remark, figures)

    def played(self, trajectory: Trajectory, spending: Spending | None) -> None:
        """Tell one more episode of a cell, and what all of its answers have cost where they cost anything."""
        self._done += 1
        if self._apart:
            self._report(self._done, self._total, self._remark)
        else:
            figures = self._seen([trajectory])
            self._report(self._done, self._total, self._said(spending), figures)

    def measured(
        self, groups: Iterable[Group], interval: tuple[float, float] | None, spending: Spending | None
    ) -> None:
        """Tell the 95 % interval of a cell's success once all is played, and of `groups` what was not told yet."""
        figures = self._seen([t for group in groups for t in group.trajectories]) if self._apart else {}
        bounds = ""
        if interval is not None:
            low, high = interval
            figures |= {"ci_low": low, "ci_high": high}
            bounds = f" ({low:.2f} to {high:.2f})"
        if figures:
            self._report(self._done, self._total, self._said(spending, bounds), figures)

    def _seen(self, trajectories: Sequence[Trajectory]) -> dict[str, float]:
        """Return what these episodes of a cell add to the counts, and the success of all that were seen."""
        usable = [trajectory for trajectory in trajectories if not trajectory.masked]
        self._usable += len(usable)
        self._successes += sum(trajectory.success for trajectory in usable)
        figures = counts(trajectories, self._longest)
        if self._usable:
            figures["success"] = self._successes / self._usable
        return figures

    def _said(self, spending: Spending | None, bounds: str = "") -> str:
        told = [f"success {self._successes / self._usable:.2f}{bounds}"] if self._usable else []
        return ", ".join([*told, *([str(spending)] if spending else [])])


def counts(trajectories: Iterable[Trajectory], longest: int) -> dict[str, float]:
    """Return what trajectories add to the counts; those that are 0 are left out."""
    every = list(trajectories)
    answers = [len(turn.token_ids) for trajectory in every for turn in trajectory.turns if turn.logprobs]
    found = {
        "episodes": sum(trajectory.attempts for trajectory in every),
        "retried": sum(trajectory.attempts - 1 for trajectory in every),
        "masked": sum(trajectory.masked and trajectory.status != "budget" for trajectory in every),
        "unpaid": sum(trajectory.status == "budget" for trajectory in every),
        "unclosed": sum(trajectory.unclosed is not None for trajectory in every),
        "overflowed": sum(trajectory.status == "context_overflow" for trajectory in every),
        "answers": len(answers),
        "cut": sum(length >= longest for length in answers),
        "sampled_tokens": sum(answers),
    }
    return {name: float(number) for name, number in found.items() if number}
