"""Algorithms that keep every promise but one; `tests/test_conformance.py` says which."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict

from rftcore.algorithm import Algorithm, TokenFloats
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.trajectory import Credit, Group


class Sound(Algorithm):
    """Keeps every promise."""

    name = "sound"

    def credit(
        self, groups: Sequence[Group], *, values: TokenFloats | None = None, reference: TokenFloats | None = None
    ) -> list[list[Credit | None]]:
        return [[Credit(turns=(own.ret,) * len(own.turns)) for own in group.usable] for group in groups]


class Loose(Sound):
    """Accepts any option."""

    class Config(Frozen):
        model_config = ConfigDict(extra="allow")


class Pulling(Sound):
    """Pulls to the start policy."""

    def reference_weight(self) -> float:
        return 0.5


class Torch(Sound):
    """Needs torch for its credit (this module imports it, too)."""


class Flat(Sound):
    """Gives a trajectory one float, however many turns it has."""

    def credit(self, groups: Sequence[Group], **_: Any) -> list[list[Credit | None]]:
        return [[Credit(turns=(own.ret,)) for own in group.usable] for group in groups]


class Spoiled(Sound):
    """Gives credit to trajectories that the machine spoiled."""

    def credit(self, groups: Sequence[Group], **_: Any) -> list[list[Credit | None]]:
        return [[Credit(turns=(own.ret,) * len(own.turns)) for own in group.trajectories] for group in groups]


class Divided(Sound):
    """Divides by a deviation of 0."""

    def credit(self, groups: Sequence[Group], **_: Any) -> list[list[Credit | None]]:
        def scale(group: Group) -> float:
            return float("inf") if len({own.ret for own in group.usable}) == 1 else 1.0

        return [[Credit(turns=(own.ret * scale(g),) * len(own.turns)) for own in g.usable] for g in groups]


class Drawn(Sound):
    """Adds noise."""

    def credit(self, groups: Sequence[Group], **_: Any) -> list[list[Credit | None]]:
        return [[Credit(turns=(random.random(),) * len(own.turns)) for own in group.usable] for group in groups]


class Running(Sound):
    """Compares with the groups before."""

    def credit(self, groups: Sequence[Group], **_: Any) -> list[list[Credit | None]]:
        return [
            [Credit(turns=(own.ret - number,) * len(own.turns)) for own in group.usable]
            for number, group in enumerate(groups)
        ]


class Counting(Sound):
    """Its config is changed by its loss."""

    class Config(Frozen):
        seen: ClassVar[int] = 0
        rows: list[int] = []  # noqa: RUF012


Result = tuple[torch.Tensor, dict[str, float]]


def _sum(logprobs: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    hidden = mask == 0
    return -(logprobs.masked_fill(hidden, 0.0) * advantages.masked_fill(hidden, 0.0)).sum()


def sound(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, **_: Any) -> Result:
    return _sum(logprobs, advantages, mask) / tokens, {"sampled": float(mask.sum()) / tokens}


def vector(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, **_: Any) -> Result:
    return -logprobs * advantages, {}


def tensor_figure(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, **_: Any) -> Result:
    return _sum(logprobs, advantages, mask) / tokens, {"sampled": mask.sum()}


def in_place(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, **_: Any) -> Result:
    loss = _sum(logprobs, advantages.clone(), mask) / tokens
    advantages.mul_(2.0)
    return loss, {}


def noisy(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, **_: Any) -> Result:
    return _sum(logprobs, advantages, mask) / tokens + random.random(), {}


def counting(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, config: Any, **_: Any) -> Result:
    config.rows.append(len(mask))
    return _sum(logprobs, advantages, mask) / tokens, {}


def unmasked(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, **_: Any) -> Result:
    return -(logprobs * advantages).sum() / tokens, {}


def multiplied(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, **_: Any) -> Result:
    """Masks by multiplication, as which NaN stays NaN."""
    return -(logprobs * advantages * mask).sum() / tokens, {}


def by_positions(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, **_: Any) -> Result:
    return _sum(logprobs, advantages, mask) / mask.shape[1], {}


def by_micro_batch(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, **_: Any) -> Result:
    return _sum(logprobs, advantages, mask) / mask.sum(), {}


def upside_down(*, logprobs: Any, advantages: Any, mask: Any, tokens: int, **_: Any) -> Result:
    return -_sum(logprobs, advantages, mask) / tokens, {}


def without_values(*, values: Any, **rest: Any) -> Result:
    return sound(**rest)
