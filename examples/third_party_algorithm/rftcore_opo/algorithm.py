"""OPO's credit: a return less its group's mean weighted by length (arXiv 2505.23585). Needs no torch."""

import math
from collections.abc import Sequence

from rftcore import Algorithm, Credit, Group
from rftcore.algorithm import TokenFloats


class OPO(Algorithm):
    """On-policy RL with the optimal reward baseline."""

    name = "opo"

    def credit(
        self, groups: Sequence[Group], *, values: TokenFloats | None = None, reference: TokenFloats | None = None
    ) -> list[list[Credit | None]]:
        """Give every turn its trajectory's R - sum(l R) / sum(l), l being sampled tokens; None without a turn."""
        return [_of_group(group) for group in groups]


def _of_group(group: Group) -> list[Credit | None]:
    lengths = [sum(len(turn.token_ids) for turn in trajectory.turns) for trajectory in group.usable]
    weighted = math.fsum(length * each.ret for length, each in zip(lengths, group.usable, strict=True))
    baseline = weighted / max(1, sum(lengths))
    return [Credit(turns=(each.ret - baseline,) * len(each.turns)) if each.turns else None for each in group.usable]
