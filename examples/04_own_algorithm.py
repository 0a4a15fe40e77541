"""An algorithm in one file: REINFORCE with the mean return of the whole batch as its baseline.

    python examples/04_own_algorithm.py

Credit is floats and needs no torch. The loss is a pure function of tensors and knows neither model nor optimizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch

from rftcore import Algorithm, Credit, Experiment, Group, registry
from rftcore.algorithm import TokenFloats
from rftcore.specs import AlgorithmSpec
from rftcore.train.losses import token_mean


class Reinforce(Algorithm):
    name = "plain_reinforce"

    def credit(
        self, groups: Sequence[Group], *, values: TokenFloats | None = None, reference: TokenFloats | None = None
    ) -> list[list[Credit | None]]:
        baseline = fmean(trajectory.ret for group in groups for trajectory in group.usable)
        return [
            [Credit(turns=(each.ret - baseline,) * len(each.turns)) if each.turns else None for each in group.usable]
            for group in groups
        ]


def loss(*, logprobs: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor, tokens: int, **_: Any) -> Any:
    return token_mean(-logprobs * advantages, mask, tokens), {}


registry.add(
    AlgorithmSpec(name="plain_reinforce", target="__main__:Reinforce", loss="__main__:loss", summary="batch baseline")
)
report = Experiment(
    name="own-algorithm",
    train="textcraft:easy",
    algorithm="plain_reinforce",
    environments={"textcraft": {"max_turns": 8, "distractors": 2}},
    training={"updates": 2, "groups": 4, "samples": 4},
    sampling={"max_new_tokens": 24},
    evaluation={"tasks": 4, "samples": 2},
).run()
for update in report.stages[0].curve:
    print(f"update {update['update']}: success {update['success']:.2f}, loss {update['loss']:+.4f}")
