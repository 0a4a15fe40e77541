"""The clustered bootstrap: resample whole families of tasks, keep all samples of a family together.

The interval is BCa (Efron 1987), corrected for bias and skewness, and widened for few families as Hesterberg (2015)
does: the bootstrap's variance is short by (n - 1) / n, and a Student quantile takes the place of the normal one. It
cannot see outcomes that the sample lacks: all families equal gives a point. `intervals` covers that case.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rftcore.schemas.frozen import digest
from rftcore_generalization.family import deviations
from rftcore_generalization.quantiles import NORMAL, student

RESAMPLES = 10_000
TIE = 1e-9
"""Estimates are ratios of small integers; two that differ by less are equal."""


class Interval(NamedTuple):
    low: float
    high: float


def bca_interval(strata: Sequence[NDArray[np.float64]], resamples: int = RESAMPLES) -> Interval:
    """Return the 95 % interval of the mean of the strata's means over tasks (every stratum weighs the same).

    `strata`: for each cell the number of tasks and the sum of values of each family, shape (families, 2), none empty;
    families are resampled within their own cell. The random stream derives from the values alone, so equal values give
    equal intervals, in whatever order they come. Hesterberg 2015: arXiv 1411.5279. Efron 1987: doi
    10.1080/01621459.1987.10478410.
    """
    estimate = math.fsum(float(rows[:, 1].sum() / rows[:, 0].sum()) for rows in strata) / len(strata)
    influence = np.concatenate([deviations(rows) / (len(strata) * len(rows)) for rows in strata])
    variance = float(np.sum(influence**2))
    if variance < TIE**2:
        return Interval(estimate, estimate)
    reach = student(sum(len(rows) - 1 for rows in strata)) * math.sqrt(_unbiased(strata) / variance)
    return bca_ends(estimate, _replicates(strata, resamples), influence, reach)


def bca_ends(
    estimate: float, replicates: NDArray[np.float64], influence: NDArray[np.float64], reach: float
) -> Interval:
    """Return the BCa interval of an estimate from its bootstrap `replicates`, `reach` standard errors to each side.

    `influence`: how much each family moves the estimate, in any unit, not all of them zero.
    """
    resamples = len(replicates)
    acceleration = float(np.sum(influence**3)) / (6 * float(np.sum(influence**2)) ** 1.5)
    below = (np.mean(replicates < estimate - TIE) + np.mean(replicates <= estimate + TIE)) / 2
    bias = NORMAL.inv_cdf(float(np.clip(below, 1 / resamples, 1 - 1 / resamples)))

    def level(z: float) -> float:
        shifted = bias + z
        shrink = 1 - acceleration * shifted
        return NORMAL.cdf(bias + shifted / shrink) if shrink > 0 else float(z > 0)

    low, high = np.quantile(replicates, [level(-reach), level(reach)])
    return Interval(float(low), float(high))


def draws(
    strata: Sequence[NDArray[np.float64]], resamples: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield, for each stratum, how often each resample drew each distinct row, shape (resamples, rows), and the rows.

    The random stream derives from the values alone.
    """
    kinds = [np.unique(rows.round(12), axis=0, return_counts=True) for rows in strata]
    content = [[rows.tolist(), counts.tolist()] for rows, counts in kinds]
    generator = np.random.default_rng(int(digest(content)[:16], 16))
    for rows, counts in kinds:
        families = int(counts.sum())
        yield generator.multinomial(families, counts / families, size=resamples), rows


def _replicates(strata: Sequence[NDArray[np.float64]], resamples: int) -> NDArray[np.float64]:
    total = np.zeros(resamples)
    for drawn, rows in draws(strata, resamples):
        total += (drawn @ rows[:, 1]) / (drawn @ rows[:, 0])
    return total / len(strata)


def _unbiased(strata: Sequence[NDArray[np.float64]]) -> float:
    """The variance of the mean of means, from the unbiased variances between families."""
    squares = [(float(np.sum(deviations(rows) ** 2)), len(rows)) for rows in strata]
    return sum(square / (size * (size - 1)) for square, size in squares if size > 1) / len(strata) ** 2
