"""The sufficient statistic of every score here: how many samples of one task succeeded, out of how many.

Samples that the machine spoiled are in neither number, so no statistic can mistake them for failures. The samples of
one task are not independent of each other, and neither are tasks that are near-copies: `family` holds what follows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Tally(NamedTuple):
    """`successes` of `samples` runs of one task; 0 <= successes <= samples, samples >= 1."""

    successes: int
    samples: int
    family: str = ""
    """Tasks with the same one are near-copies of each other; empty: like no other."""

    @property
    def mean(self) -> float:
        """The task's own success rate, in [0, 1]."""
        return self.successes / self.samples


class Pair(NamedTuple):
    """One task under two policies."""

    after: Tally
    before: Tally

    @property
    def family(self) -> str:
        """The task's family."""
        return self.after.family

    @property
    def change(self) -> float:
        """The task's difference, in [-1, 1]."""
        return self.after.mean - self.before.mean


def mean(values: Iterable[float]) -> float | None:
    """Return the mean with one rounding (`math.fsum`), so that order cannot change it; None without values."""
    items = list(values)
    return math.fsum(items) / len(items) if items else None


def avg_at_k(tallies: Sequence[Tally]) -> float | None:
    """Return the mean over tasks of each task's success rate over its own samples; None without tasks.

    It equals the share of successful samples when every task has the same number of them, and keeps giving every task
    the same weight when some lost samples to failures of the machine.
    """
    return mean(tally.mean for tally in tallies)


def pass_at_k(tallies: Sequence[Tally], k: int) -> float | None:
    """Return the unbiased chance that at least one of `k` samples succeeds, averaged over tasks.

    A task with c successes in n samples gives 1 - C(n - c, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374, section
    2.1). A task with fewer than `k` samples has no unbiased estimate and is left out; None when no task is left.
    """
    if k < 1:
        raise ValueError(f"k is {k}; expected at least 1")
    return mean(1 - math.comb(n - c, k) / math.comb(n, k) for c, n, _ in tallies if n >= k)
