"""Score intervals: Wilson's for one cell, and what follows from it for changes and for means over cells.

They know what a bootstrap cannot: that a cell where all 48 tasks failed may still have a success rate of 5 %. The
clustering enters through the effective number of observations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rftcore_generalization.bootstrap import Interval
from rftcore_generalization.family import deviations, family_totals, members
from rftcore_generalization.quantiles import student
from rftcore_generalization.tally import Pair, Tally

_DOUBT = 0.25
"""Families added to the spread; chosen by the simulations in `docs/statistics.md`, not taken from a source."""


def effective_samples(tallies: Sequence[Tally]) -> float:
    """Return how many independent samples carry as much information as these clustered ones.

    p (1 - p) divided by the variance of the mean as the spread between families shows it (the design effect of Kish
    1965), never fewer than the families (where their sizes differ: than (sum of sizes)^2 / sum of squared sizes) and
    never more than the samples. The spread counts a quarter of a family more, half of it at 0 and half at 1: where only
    a few tasks ever succeed, the sample looks more uniform than the tasks are.
    """
    totals = family_totals(tallies, [tally.mean for tally in tallies])
    families, sizes = len(totals), totals[:, 0]
    least, p = float(sizes.sum() ** 2 / np.sum(sizes**2)), float(totals[:, 1].sum() / sizes.sum())
    if families < 2 or p in (0.0, 1.0):
        return least
    squares = float(np.sum(deviations(totals) ** 2)) + _DOUBT * (p**2 + (1 - p) ** 2) / 2
    samples = sum(tally.samples for tally in tallies)
    return min(max(p * (1 - p) * families * (families - 1) / squares, least), float(samples))


def score_interval(tallies: Sequence[Tally]) -> Interval:
    """Return Wilson's 95 % interval of the mean success on the effective number of samples.

    Wilson 1927, with the effective sample size of survey statistics (Franco, Little, Louis and Slud 2019, PMC6690503)
    and a Student quantile. One family says nothing about the others: [0, 1].
    """
    families = len(members(tallies))
    if families < 2:
        return Interval(0.0, 1.0)
    p = math.fsum(tally.mean for tally in tallies) / len(tallies)
    size, t2 = effective_samples(tallies), student(families - 1) ** 2
    centre = (p + t2 / (2 * size)) / (1 + t2 / size)
    half = math.sqrt(t2 * (p * (1 - p) / size + t2 / (4 * size**2))) / (1 + t2 / size)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def change_score_interval(pairs: Sequence[Pair]) -> Interval:
    """Return the 95 % interval of the mean change on the same tasks, from the two score intervals.

    Newcombe 1998 (method 10): the distances to the limits are added as the sides of a triangle whose angle is the
    correlation between the two scores over families.
    """
    after, before = [pair.after for pair in pairs], [pair.before for pair in pairs]
    p, q = (math.fsum(tally.mean for tally in side) / len(side) for side in (after, before))
    first, second = score_interval(after), score_interval(before)
    correlation = _correlation(pairs)
    down = _third_side(p - first.low, second.high - q, correlation)
    up = _third_side(first.high - p, q - second.low, correlation)
    return Interval(max(-1.0, p - q - down), min(1.0, p - q + up))


def mean_score_interval(estimates: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """Return the 95 % interval of the mean of independent estimates from each one's own interval.

    The method of variance estimates recovery (Zou and Donner 2008, doi 10.1002/sim.3095): distances to the limits add
    like standard errors, each side for itself.
    """
    n = len(estimates)
    centre = math.fsum(estimates) / n
    down = math.sqrt(math.fsum((point - low) ** 2 for point, (low, _) in zip(estimates, intervals, strict=True)))
    up = math.sqrt(math.fsum((high - point) ** 2 for point, (_, high) in zip(estimates, intervals, strict=True)))
    return Interval(centre - down / n, centre + up / n)


def _third_side(a: float, b: float, correlation: float) -> float:
    return math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b))


def _correlation(pairs: Sequence[Pair]) -> float:
    totals = family_totals(pairs, [pair.after.mean for pair in pairs], [pair.before.mean for pair in pairs])
    after, before = deviations(totals, 1), deviations(totals, 2)
    spread = math.sqrt(float(np.sum(after**2)) * float(np.sum(before**2)))
    if spread < 1e-12:
        return 0.0
    return min(1.0, max(-1.0, float(np.sum(after * before)) / spread))
