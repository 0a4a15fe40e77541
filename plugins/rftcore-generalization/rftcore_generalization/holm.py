"""Holm's correction: among many comparisons, the chance of even one false claim stays at the level of one."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return adjusted p-values in the given order; None (no test was possible) stays None and is not counted.

    Sorted p-values are multiplied by m, m - 1, ..., 1, never fall below an earlier one and never exceed 1. Holm 1979,
    "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    floor = 0.0
    for rank, (p, place) in enumerate(order):
        floor = max(floor, min(1.0, p * (len(order) - rank)))
        adjusted[place] = floor
    return adjusted
