"""Samplers that keep every promise but one; `tests/testing/test_kind_checks.py` says which."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from rftcore.sampler import Completion, ContextFull, Request
from rftcore.train.sampler import HFSampler


class Talkative(HFSampler):
    async def sample(self, request: Request) -> Completion:
        answer = await super().sample(request)
        return replace(answer, token_ids=(*answer.token_ids, *answer.token_ids), logprobs=answer.logprobs * 2)


class Unlikely(HFSampler):
    async def sample(self, request: Request) -> Completion:
        return replace(await super().sample(request), logprobs=(0.5,))


class Versioned(HFSampler):
    async def sample(self, request: Request) -> Completion:
        return replace(await super().sample(request), version=3)


class Unchecked(HFSampler):
    async def sample(self, request: Request) -> Completion:
        return replace(await super().sample(request), checksum=0)


class Lukewarm(HFSampler):
    """Samples at the temperature 1, whatever is asked."""

    async def sample(self, request: Request) -> Completion:
        return await super().sample(replace(request, temperature=1.0))


class OneStream(HFSampler):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.rng = random.Random(0)

    async def sample(self, request: Request) -> Completion:
        return await super().sample(replace(request, rng=self.rng))


class Dropping(HFSampler):
    async def sample(self, request: Request) -> Completion:
        return await super().sample(replace(request, keep=max(0, request.keep - 3)))


class Roomy(HFSampler):
    async def sample(self, request: Request) -> Completion:
        try:
            return await super().sample(request)
        except ContextFull:
            return Completion((41,), (-1.0,), 0, 0)


class Stale(HFSampler):
    def sync(self, source: Any, version: int) -> None:
        return None
