"""Cohen's kappa: how far two readers agree on a label beyond what they would by chance, with its 95 % interval.

Kappa is no mean of families, so it has the clustered bootstrap of `bootstrap` on its own statistic, and beside it a
score interval of the share of disagreements: two readers who never disagreed on 70 episodes may do so on the next one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rftcore_generalization.bootstrap import RESAMPLES, TIE, Interval, bca_ends, draws
from rftcore_generalization.family import deviations, family_totals
from rftcore_generalization.intervals import Estimate
from rftcore_generalization.quantiles import student
from rftcore_generalization.score import score_interval
from rftcore_generalization.tally import Tally


class Reading(NamedTuple):
    """Whether a label holds of one episode, to each of two readers."""

    first: bool
    second: bool
    family: str = ""
    """Episodes with the same one are near-copies of each other; empty: like no other."""


def cohen_kappa(readings: Sequence[Reading], resamples: int = RESAMPLES) -> Estimate:
    """Return kappa, at most 1, with the hull of two 95 % intervals; all None where chance alone makes readers agree.

    kappa = (p_o - p_e) / (1 - p_e): p_o is the share of episodes on which both say the same, p_e = p q + (1 - p)(1 - q)
    what it would be if readers who find the label in the shares p and q knew nothing of the episode (Cohen 1960, doi
    10.1177/001316446002000104). It is 1 where they always agree, 0 at chance, and undefined where p_e is 1: there, both
    find the label everywhere, or both nowhere. Families are resampled whole, by a random stream that derives from the
    values alone; resamples in which kappa is undefined are left out.
    """
    disagreements = [Tally(each.first != each.second, 1, each.family) for each in readings]
    rows = family_totals(
        disagreements,
        [float(each.first != each.second) for each in readings],
        [float(each.first) for each in readings],
        [float(each.second) for each in readings],
    )
    observed, _, _, chance = (float(share) for share in _shares(rows.sum(axis=0))) if readings else (0.0,) * 4
    if chance < TIE:
        return Estimate(None, None, None)
    value = 1 - observed / chance
    if len(rows) < 2:
        return Estimate(value, -1.0, 1.0)
    score = score_interval(disagreements)
    bootstrap = _bootstrap(rows, value, resamples)
    low = max(-1.0, min(1 - score.high / chance, bootstrap.low))
    return Estimate(value, low, max(1 - score.low / chance, bootstrap.high))


def influence(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much each family moves kappa: its derivative along the family's deviation from the average one.

    `rows`: for each family its number of episodes, of disagreements, and of labels of the first and the second reader.
    With single episodes for families, the sum of squares over their number squared is the variance of Fleiss, Cohen and
    Everitt (1969, doi 10.1037/h0028106).
    """
    observed, p, q, chance = _shares(rows.sum(axis=0))
    more_by_chance = deviations(rows, 2) * (1 - 2 * q) + deviations(rows, 3) * (1 - 2 * p)
    moved: NDArray[np.float64] = (more_by_chance * observed / chance - deviations(rows, 1)) / chance
    return moved


def _shares(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return the shares of disagreements and of each reader's labels, and 1 - p_e, from sums of `influence`'s rows."""
    sizes, *counts = np.moveaxis(sums, -1, 0)
    observed, p, q = (count / sizes for count in counts)
    return observed, p, q, p * (1 - q) + q * (1 - p)


def _bootstrap(rows: NDArray[np.float64], value: float, resamples: int) -> Interval:
    moved = influence(rows)
    if float(np.sum(moved**2)) < TIE**2:
        return Interval(value, value)
    ((drawn, kinds),) = draws([rows], resamples)
    observed, _, _, chance = _shares(drawn @ kinds)
    defined = chance > TIE
    reach = student(len(rows) - 1) * math.sqrt(len(rows) / (len(rows) - 1))
    return bca_ends(value, 1 - observed[defined] / chance[defined], moved, reach)
