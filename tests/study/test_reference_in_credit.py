"""The start policy's logprobs reach a credit that takes them, before the update; the loss then gets none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from rftcore import Experiment, registry
from rftcore.algorithm import Algorithm, TokenFloats
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group
from rftcore.specs import AlgorithmSpec
from rftcore.train.losses import token_mean
from tests.study.conftest import small

GAPS: list[list[float]] = []
"""By update: the sampler's logprob less the start policy's, token by token."""


class Penalized(Algorithm):
    name = "penalized"
    reference_in_credit: ClassVar[bool] = True

    class Config(Frozen):
        kl: float = 1.0

    def credit(
        self, groups: Sequence[Group], *, values: TokenFloats | None = None, reference: TokenFloats | None = None
    ) -> list[list[Credit | None]]:
        if self.config.kl == 0.0:
            assert reference is None
        else:
            assert reference is not None
            GAPS.append([])
            for group, of_group in zip(groups, reference, strict=True):
                for trajectory, of_trajectory in zip(group.usable, of_group, strict=True):
                    for turn, of_turn in zip(trajectory.turns, of_trajectory, strict=True):
                        assert len(turn.token_ids) > 0
                        GAPS[-1] += [own - other for own, other in zip(turn.logprobs, of_turn, strict=True)]
        return [
            [Credit(turns=tuple(1.0 + index for index, _ in enumerate(each.turns))) for each in group.usable]
            for group in groups
        ]

    def reference_weight(self) -> float:
        return float(self.config.kl)


def plain_loss(
    *,
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    config: Penalized.Config,
    tokens: int,
    rows: int,
    reference_logprobs: torch.Tensor | None,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Refuse a reference, and by its signature logprobs of the sampler that nobody asked for."""
    assert reference_logprobs is None
    return token_mean(-logprobs * advantages, mask, tokens), {}


@pytest.fixture(autouse=True)
def _announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(
        AlgorithmSpec(
            name="penalized",
            target=f"{__name__}:Penalized",
            loss=f"{__name__}:plain_loss",
            summary="a specimen",
            needs_reference=True,
        )
    )
    GAPS.clear()


def run(model: Path, folder: Path, kl: float) -> None:
    Experiment(small(model, train="even:hard", algorithm={"name": "penalized", "kl": kl})).run(folder)


def test_logprobs_are_those_of_the_model_that_the_run_started_with(model: Path, tmp_path: Path) -> None:
    run(model, tmp_path, 1.0)
    first, *_, last = GAPS
    assert len(GAPS) == 3
    assert max(map(abs, first)) < 1e-4
    assert max(map(abs, last)) > 1e-2


def test_without_a_weight_there_is_no_reference(model: Path, tmp_path: Path) -> None:
    run(model, tmp_path, 0.0)
    assert GAPS == []
