"""The task-clustered bootstrap: resample whole tasks, keep each task's samples together.

The interval is BCa (Efron 1987), corrected for bias and skewness, and widened for few tasks as Hesterberg (2015) does:
the bootstrap's variance is short by (n - 1) / n, and a Student quantile takes the place of the normal one. It cannot
see outcomes that the sample lacks: all tasks equal gives a point. `intervals` covers that case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rftcore.schemas.frozen import digest
from rftcore_generalization.quantiles import NORMAL, student

RESAMPLES = 10_000
_TIE = 1e-9
"""Scores are ratios of small integers; two that differ by less are equal."""


class Interval(NamedTuple):
    low: float
    high: float


def bca_interval(strata: Sequence[NDArray[np.float64]], resamples: int = RESAMPLES) -> Interval:
    """Return the 95 % interval of the mean of the strata's means (every stratum weighs the same).

    `strata`: one array of task values for each cell, none empty; tasks are resampled within their own cell. The random
    stream derives from the values alone, so equal values give equal intervals, in whatever order they come.
    Hesterberg 2015: arXiv 1411.5279. Efron 1987: doi 10.1080/01621459.1987.10478410.
    """
    estimate = math.fsum(float(values.mean()) for values in strata) / len(strata)
    influence = np.concatenate([(values - values.mean()) / (len(strata) * values.size) for values in strata])
    variance = float(np.sum(influence**2))
    if variance < _TIE**2:
        return Interval(estimate, estimate)
    replicates = _replicates(strata, resamples)

    acceleration = float(np.sum(influence**3)) / (6 * variance**1.5)
    below = (np.mean(replicates < estimate - _TIE) + np.mean(replicates <= estimate + _TIE)) / 2
    bias = NORMAL.inv_cdf(float(np.clip(below, 1 / resamples, 1 - 1 / resamples)))
    reach = student(sum(values.size - 1 for values in strata)) * math.sqrt(_unbiased(strata) / variance)

    def level(z: float) -> float:
        shifted = bias + z
        shrink = 1 - acceleration * shifted
        return NORMAL.cdf(bias + shifted / shrink) if shrink > 0 else float(z > 0)

    low, high = np.quantile(replicates, [level(-reach), level(reach)])
    return Interval(float(low), float(high))


def _replicates(strata: Sequence[NDArray[np.float64]], resamples: int) -> NDArray[np.float64]:
    levels = [np.unique(values.round(12), return_counts=True) for values in strata]
    content = [[values.tolist(), counts.tolist()] for values, counts in levels]
    generator = np.random.default_rng(int(digest(content)[:16], 16))
    total = np.zeros(resamples)
    for values, counts in levels:
        n = int(counts.sum())
        total += generator.multinomial(n, counts / n, size=resamples) @ values / n
    return total / len(strata)


def _unbiased(strata: Sequence[NDArray[np.float64]]) -> float:
    """The variance of the mean of means, from the unbiased sample variances."""
    return sum(float(values.var(ddof=1)) / values.size for values in strata if values.size > 1) / len(strata) ** 2
