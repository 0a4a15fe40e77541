"""Credit arithmetic that algorithms share: plain floats in, plain floats out.

Sums are `math.fsum`, so that a result depends neither on the order of the trajectories nor on the machine. This module
refuses to import numpy or torch, and knows neither trajectories nor tokens: an algorithm hands it returns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Scale = Literal["group", "batch", "none"]

EPSILON = 1e-4
"""Added to a standard deviation before dividing by it. Of no weight while returns are of the order of 1."""

TOLERANCE = 1e-8
"""Returns that lie within this distance of each other count as equal: sums of equal rewards differ by rounding."""


def zero_variance(returns: Sequence[float]) -> bool:
    """Return whether the returns of a group are all equal (within `TOLERANCE`), so that none is better than another.

    True for a group of one and for an empty one.
    """
    return not returns or max(returns) - min(returns) <= TOLERANCE


def deviation(values: Sequence[float]) -> float:
    """Return the sample standard deviation (divisor n - 1), or 0.0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def group_normalize(groups: Sequence[Sequence[float]], scale: Scale = "group") -> list[list[float]]:
    """Return the advantage of each return over the mean of its own group.

        A[i] = (R[i] - mean(R)) / (s + EPSILON)      or, with scale "none",      A[i] = R[i] - mean(R)

    `s` is the sample standard deviation of the group (scale "group": GRPO, arXiv 2402.03300) or of all returns of all
    groups together (scale "batch": arXiv 2508.08221). Scale "none" is Dr. GRPO (arXiv 2503.20783), where dividing by
    the group's deviation is found to favour tasks that are nearly always or nearly never solved.

    Groups may differ in size. A group without variance, a group of one included, gets exactly 0.0 throughout under
    each scale. The divisor n - 1 and EPSILON are those of TRL's GRPO.
    Raises ValueError when a return is infinite or not a number.
    """
    pooled = [value for group in groups for value in group]
    _require_finite(pooled)
    whole = deviation(pooled)
    advantages = []
    for group in groups:
        if zero_variance(group):
            advantages.append([0.0] * len(group))
            continue
        mean = math.fsum(group) / len(group)
        divisor = {"group": deviation(group) + EPSILON, "batch": whole + EPSILON, "none": 1.0}[scale]
        advantages.append([(value - mean) / divisor for value in group])
    return advantages


def leave_one_out(groups: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return by how much each return exceeds the mean of the others of its group.

        A[i] = R[i] - (sum(R) - R[i]) / (n - 1)

    What a return is compared with does not depend on it, so the policy gradient stays unbiased: RLOO, arXiv 2402.14740.
    A group without variance gets exactly 0.0 throughout.
    Raises ValueError for a group of one, and when a return is infinite or not a number.
    """
    advantages = []
    for group in groups:
        _require_finite(group)
        if len(group) == 1:
            raise ValueError("found a group of one; expected two returns or more, as each is compared with the others")
        if zero_variance(group):
            advantages.append([0.0] * len(group))
            continue
        total = math.fsum(group)
        advantages.append([value - (total - value) / (len(group) - 1) for value in group])
    return advantages


def normalize(values: Sequence[float]) -> list[float]:
    """Return (value - mean) / (s + EPSILON) with the sample standard deviation s of all values.

    Values without variance, a single one included, become exactly 0.0.
    Raises ValueError when a value is infinite or not a number.
    """
    _require_finite(values)
    if zero_variance(values):
        return [0.0] * len(values)
    mean, divisor = math.fsum(values) / len(values), deviation(values) + EPSILON
    return [(value - mean) / divisor for value in values]


def discounted_returns(rewards: Sequence[float], discount: float) -> list[float]:
    """Return what each step of one trajectory leads to: G[t] = rewards[t] + discount * G[t + 1], 0 after the last.

    Raises ValueError when a reward is infinite or not a number.
    """
    _require_finite(rewards)
    found, after = [], 0.0
    for reward in reversed(rewards):
        after = reward + discount * after
        found.append(after)
    return found[::-1]


def gae(rewards: Sequence[float], values: Sequence[float], discount: float, gae_lambda: float) -> list[float]:
    """Return the generalized advantage of each step of one trajectory.

        D[t] = rewards[t] + discount * values[t + 1] - values[t]
        A[t] = D[t] + discount * gae_lambda * A[t + 1]                  both 0 after the last step

    `values[t]` is what a critic expects from step t on, before it is taken. J. Schulman et al., arXiv 1506.02438,
    equation 16. At `gae_lambda` 1 it is the discounted return less the value, at 0 the error D of one step. What a
    critic should have said is A[t] + values[t]. The trajectory has ended: nothing is expected after its last step.
    Raises ValueError when there are not as many values as rewards, and when one is infinite or not a number.
    """
    if len(rewards) != len(values):
        raise ValueError(f"found {len(rewards)} rewards and {len(values)} values; expected one value for each step")
    _require_finite(rewards)
    _require_finite(values, "value", "lower the learning rate of the critic")
    found, after, value_after = [], 0.0, 0.0
    for reward, value in zip(reversed(rewards), reversed(values), strict=True):
        after = reward + discount * value_after - value + discount * gae_lambda * after
        value_after = value
        found.append(after)
    return found[::-1]


def _require_finite(
    values: Sequence[float], name: str = "return", advice: str = "check the environment's rewards"
) -> None:
    for value in values:
        if not math.isfinite(value):
            raise ValueError(f"found a {name} of {value}; expected finite numbers: {advice}")
