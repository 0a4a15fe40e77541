"""The paired permutation test: were the two policies exchangeable on every family of tasks?

If they were, each family's difference could as well have had the other sign. The p-value is the share of all 2^n sign
patterns whose mean difference is at least as far from zero as the observed one (Fisher 1935; Good 2005). Differences
are fractions with small denominators, so the whole distribution is counted exactly by dynamic programming; only where
masked samples make the common denominator huge are sign patterns drawn.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np

from rftcore.schemas.frozen import digest
from rftcore_generalization.family import members
from rftcore_generalization.tally import Pair

FLIPS = 99_999
_LARGEST_LATTICE = 1_000_000
_CHUNK = 4096


def paired_permutation(pairs: Sequence[Pair]) -> float | None:
    """Return the two-sided p-value of "no family tells the policies apart", in (0, 1]; None without pairs."""
    if not pairs:
        return None
    common = math.lcm(*(tally.samples for pair in pairs for tally in pair))
    counts = [[tally.successes * (common // tally.samples) for tally in pair] for pair in pairs]
    steps = sorted(sum(counts[place][0] - counts[place][1] for place in places) for places in members(pairs))
    unit = math.gcd(*steps) or 1
    if sum(map(abs, steps)) // unit <= _LARGEST_LATTICE:
        return exact_sign_flip([step // unit for step in steps])
    return sampled_sign_flip([step / common for step in steps])


def exact_sign_flip(steps: Sequence[int]) -> float:
    """Return the exact p-value for integer differences: all 2^n sign patterns, counted and not enumerated.

    The sum of the flipped differences is 2 W - S, where S is the sum of sizes and W that of a random subset of them;
    `chance[w]` is the probability of W = w.
    """
    sizes = [abs(step) for step in steps if step]
    span = sum(sizes)
    chance = np.zeros(span + 1)
    chance[0] = 1.0
    reached = 0
    for size in sizes:
        moved = chance[: reached + 1] / 2
        chance[: reached + 1] = moved
        reached += size
        chance[size : reached + 1] += moved
    distance = np.abs(2 * np.arange(span + 1) - span)
    extreme = float(chance[distance >= abs(sum(steps))].sum())
    return min(1.0, max(extreme, sys.float_info.min))


def sampled_sign_flip(differences: Sequence[float], flips: int = FLIPS) -> float:
    """Return the p-value estimated from random sign patterns, the observed one counted among them.

    (1 + at least as extreme) / (1 + flips), so it is never 0 and the test keeps its level (Phipson and Smyth 2010, doi
    10.2202/1544-6115.1585). The stream derives from the differences alone.
    """
    values = np.array(differences)
    generator = np.random.default_rng(int(digest(values.tolist())[:16], 16))
    observed = abs(float(values.sum())) - 1e-9
    extreme = 0
    for start in range(0, flips, _CHUNK):
        signs = generator.integers(0, 2, size=(min(_CHUNK, flips - start), values.size), dtype=np.int8) * 2.0 - 1.0
        extreme += int(np.count_nonzero(np.abs(signs @ values) >= observed))
    return (1 + extreme) / (1 + flips)
