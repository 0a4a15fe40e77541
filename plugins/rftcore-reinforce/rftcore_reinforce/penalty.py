"""What leaving the start policy costs: the part of the reward that RLOO and REINFORCE++ take from logprobs.

A penalty inside the reward is a number, not a term of the loss, so it needs the start policy's logprobs before the
update; the engine computes them for algorithms with `reference_in_credit`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rftcore.algorithm import TokenFloats
from rftcore.schemas.trajectory import Group


def token_divergences(groups: Sequence[Group], reference: TokenFloats | None) -> list[list[list[float]]]:
    """Return log p - log q at each sampled token, [group][usable trajectory][token], in nats; may be negative.

    p is the policy as the sampler recorded it, q the start policy. Its mean is the k1 estimate of KL(p || q)
    (J. Schulman, Approximating KL Divergence, 2020). Raises ValueError when `reference` is missing or is not of the
    shape of the sampled tokens.
    """
    if reference is None:
        raise ValueError("found a kl above 0 but no reference logprobs; expected those of the start policy")
    found: list[list[list[float]]] = []
    for group, of_group in zip(groups, reference, strict=True):
        found.append([])
        for trajectory, of_trajectory in zip(group.usable, of_group, strict=True):
            tokens: list[float] = []
            for turn, of_turn in zip(trajectory.turns, of_trajectory, strict=True):
                tokens += [own - other for own, other in zip(turn.logprobs, of_turn, strict=True)]
            found[-1].append(tokens)
    return found
