"""How small a difference the tasks at hand could have shown: what a reader may not claim to have ruled out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rftcore_generalization.family import deviations, family_totals
from rftcore_generalization.quantiles import NORMAL, Z_CONFIDENCE
from rftcore_generalization.tally import Pair

POWER = 0.8


def minimum_detectable(pairs: Sequence[Pair]) -> float | None:
    """Return the true mean change that a paired 5 % test on as many tasks finds in 80 % of studies; in (0, 1].

    (z(0.975) + z(0.8)) s / sqrt(n) = 2.80 s / sqrt(n), with n the families and s the observed standard deviation of
    their differences (Cohen 1988). s is taken as at least 1 / sqrt(n), what it is when one family of n turns from
    failure to success: tasks that never changed are no proof that none would. None with fewer than two families.
    """
    totals = family_totals(pairs, [pair.change for pair in pairs])
    n = len(totals)
    if n < 2:
        return None
    spread = math.sqrt(float(np.sum(deviations(totals) ** 2)) / (n - 1))
    error = max(spread, 1 / math.sqrt(n)) / math.sqrt(n)
    return min(1.0, (Z_CONFIDENCE + NORMAL.inv_cdf(POWER)) * error)
