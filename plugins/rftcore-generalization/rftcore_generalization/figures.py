"""The plain figures of one cell: means and shares, without any statement about chance.

A figure that has no meaning for the cell (tokens of a policy without tokens, anything without usable samples) is left
out and never set to zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rftcore.schemas.trajectory import Group
from rftcore_generalization.evidence import tally
from rftcore_generalization.tally import avg_at_k, mean, pass_at_k


def samples_of(groups: Sequence[Group]) -> int:
    """Return k: the number of samples a task was given, those lost to the machine included; 0 without groups."""
    return max((len(group.trajectories) for group in groups), default=0)


def figures(groups: Sequence[Group]) -> dict[str, float]:
    """Return the named figures of one cell; names whose value is undefined are absent.

    - `avg_at_k`: mean over tasks of the success rate of each; `pass_at_k`: unbiased, k = samples a task
    - `success_rate`: successful share of all samples; differs from `avg_at_k` only when tasks lost different numbers
      of samples to the machine
    - `turns` and `generated_tokens`: means of an episode; `invalid_rate`: share of turns
    - `zero_variance_share`: share of groups whose returns are all equal, from which group-relative training learns
      nothing; `mean_return`: mean of the episodes' returns
    - `masked`: number of samples lost to the machine, which count in none of the others
    """
    usable = [trajectory for group in groups for trajectory in group.usable]
    turns = [turn for trajectory in usable for turn in trajectory.turns]
    tallies = [counted for group in groups if (counted := tally(group)) is not None]
    tokens = sum(len(turn.token_ids) for turn in turns)
    returns = [trajectory.ret for trajectory in usable]
    level = [float(len({trajectory.ret for trajectory in group.usable}) == 1) for group in groups if group.usable]
    named = {
        "avg_at_k": avg_at_k(tallies),
        "pass_at_k": pass_at_k(tallies, samples_of(groups)) if groups else None,
        "success_rate": mean(float(trajectory.success) for trajectory in usable),
        "turns": len(turns) / len(usable) if usable else None,
        "generated_tokens": tokens / len(usable) if tokens else None,
        "invalid_rate": sum(not turn.valid for turn in turns) / len(turns) if turns else None,
        "zero_variance_share": mean(level),
        "mean_return": mean(returns) if all(map(math.isfinite, returns)) else None,
        "masked": float(sum(trajectory.masked for group in groups for trajectory in group.trajectories)),
    }
    return {name: value for name, value in named.items() if value is not None}
