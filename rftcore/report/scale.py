"""From values to places on a drawing, and the round numbers to label them with."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values of `low`..`high` linearly to positions `start`..`end`; values outside are drawn at the edge.

    Example: `Scale(0.0, 1.0, 100.0, 0.0)(0.25)` is 75.0: a vertical axis whose positions grow downwards.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        if self.high == self.low:
            return (self.start + self.end) / 2
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most `most` multiples of 1, 2 or 5 times a power of ten within low..high, both included.

    Example: `ticks(-0.1, 0.6)` is [0.0, 0.2, 0.4, 0.6]; `ticks(0, 17, 5)` is [0, 5, 10, 15].
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    return [round(number * step, 10) for number in range(first, last + 1)]
