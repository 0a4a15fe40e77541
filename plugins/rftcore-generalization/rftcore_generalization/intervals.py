"""The estimates that a report prints, each with the hull of a clustered bootstrap and of a score interval.

The bootstrap follows whatever shape the data have, but covers too little where few tasks succeed, and degenerates where
none does; the score interval holds there, but takes the shape of a proportion for granted. Their hull is a few percent
wider than either. `docs/statistics.md` shows what each and their hull covered in simulations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rftcore_generalization.bootstrap import RESAMPLES, Interval, bca_interval
from rftcore_generalization.family import family_totals
from rftcore_generalization.score import change_score_interval, mean_score_interval, score_interval
from rftcore_generalization.tally import Pair, Tally


class Estimate(NamedTuple):
    """A mean and its 95 % interval, low <= value <= high; all None when there was nothing to estimate from."""

    value: float | None
    low: float | None
    high: float | None


def success(cells: Sequence[Sequence[Tally]], resamples: int = RESAMPLES) -> Estimate:
    """Return the mean success over cells that weigh the same, in [0, 1]; of one cell it is avg@k.

    A cell is the tallies of its tasks; a cell without tasks is left out.
    """
    cells = [cell for cell in cells if cell]
    means = [family_totals(cell, [tally.mean for tally in cell]) for cell in cells]
    return _estimate(means, [score_interval(cell) for cell in cells], resamples, lowest=0.0)


def change(cells: Sequence[Sequence[Pair]], resamples: int = RESAMPLES) -> Estimate:
    """Return the mean change over cells that weigh the same, in [-1, 1].

    Every task is compared with itself, so what makes a task easy or hard cancels. A cell is the pairs of its tasks; a
    cell without tasks is left out.
    """
    cells = [cell for cell in cells if cell]
    changes = [family_totals(cell, [pair.change for pair in cell]) for cell in cells]
    return _estimate(changes, [change_score_interval(cell) for cell in cells], resamples, lowest=-1.0)


def _estimate(
    cells: Sequence[NDArray[np.float64]], scores: Sequence[Interval], resamples: int, lowest: float
) -> Estimate:
    """`cells`: number of tasks and sum of values of each family, as `family_totals` gives them."""
    if not cells:
        return Estimate(None, None, None)
    means = [math.fsum(rows[:, 1]) / math.fsum(rows[:, 0]) for rows in cells]
    value = math.fsum(means) / len(means)
    score = mean_score_interval(means, scores)
    bootstrap = bca_interval(cells, resamples)
    low = max(lowest, min(score.low, bootstrap.low, value))
    high = min(1.0, max(score.high, bootstrap.high, value))
    return Estimate(value, low, high)
