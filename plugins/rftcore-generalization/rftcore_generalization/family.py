"""Families: tasks that are near-copies of each other count as one observation, not as several.

What holds for one variant of a goal holds for the others, so tasks of one family are no independent draws. Everything
that follows resamples, flips or counts families; a task that names none is one by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rftcore_generalization.tally import Pair, Tally


def members(tasks: Sequence[Tally | Pair]) -> list[list[int]]:
    """Return the places of the tasks of each family, families in the order in which they first occur."""
    found: dict[str | int, list[int]] = {}
    for place, task in enumerate(tasks):
        found.setdefault(task.family or place, []).append(place)
    return list(found.values())


def family_totals(tasks: Sequence[Tally | Pair], *values: Sequence[float]) -> NDArray[np.float64]:
    """Return one row a family: its number of tasks, then its sum of each of `values`, which hold one value a task.

    Shape (families, 1 + len(values)). Rows are sorted and sums rounded once: the order of the tasks cannot matter.
    """
    rows = [
        (float(len(places)), *(math.fsum(column[place] for place in places) for column in values))
        for places in members(tasks)
    ]
    return np.array(sorted(rows)).reshape(len(rows), 1 + len(values))


def deviations(totals: NDArray[np.float64], column: int = 1) -> NDArray[np.float64]:
    """Return how far each family's sum is from that of as many average tasks, in units of the mean family size.

    Their sum of squares, divided by F (F - 1) for F families, estimates the variance of the mean over tasks (the ratio
    estimator: Cochran 1977, section 6.3). With one task a family they are the plain deviations from the mean.
    """
    sizes, sums = totals[:, 0], totals[:, column]
    deviation: NDArray[np.float64] = (sums - sizes * (sums.sum() / sizes.sum())) / sizes.mean()
    return deviation
