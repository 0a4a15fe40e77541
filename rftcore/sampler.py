"""The contract of a sampler: token ids in, token ids and their logprobs out, each with the version of the weights.

A conversation is one episode's context inside the sampler. Each request keeps the first `keep` tokens of the context
and appends `ids`, so a sampler with a KV cache computes only what is new. All randomness comes from the request's own
random stream: a draw depends on the seed alone, and which episodes share a batch changes no more than rounding.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rftcore.schemas.frozen import Frozen


@dataclass(frozen=True, slots=True)
class Request:
    """Append `ids` after the first `keep` tokens of a conversation and sample an answer."""

    conversation: int
    """Any number that is unique among the live conversations."""
    keep: int
    ids: tuple[int, ...]
    rng: random.Random
    temperature: float
    """1.0 samples from the model's distribution; 0.0 takes the most likely token."""
    max_new_tokens: int
    stop_ids: frozenset[int]
    """Sampling ends after any of these; the token is part of the answer."""
    share: str | None = None
    """Requests with one `share` key have equal `ids` at `keep` 0: the prompt is computed once for all of them."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to a request."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Natural log probabilities at the sampling temperature (at 1.0 when it is 0.0)."""
    checksum: int
    """CRC-32 of the little-endian int32 context as the sampler holds it, answer included."""
    version: int
    """Of the weights that sampled the last token."""
    versions: tuple[int, ...] = ()
    """That of each token, where a `sync` came between them; empty where `version` sampled all."""


class SamplerFailure(Exception):
    """The answer cannot be had for a reason that is not the agent's; the episode is tried again, and then masked."""


class ContextFull(Exception):
    """The conversation has no room for another answer; the episode ends with the status `context_overflow`."""


class Sampler(ABC):
    """An engine that serves many conversations at once."""

    class Config(Frozen):
        """Options of the sampler."""

        def check_here(self) -> None:
            """Raise ConfigError when it could not sample on this machine, such as without a program that it starts."""

        def check_side_by_side(self, jobs: int) -> None:
            """Raise ConfigError when so many jobs, or processes of a launch, could not sample at once.

            Each has a sampler of its own with these options, and weights of its own.
            """

    name: ClassVar[str]
    max_context: int
    """Longest context, in tokens, answer included."""
    lanes: int = 64
    """Conversations that are worth having at once."""
    apart: ClassVar[bool] = False
    """Whether it samples outside this process, so that rollouts can go on while this one learns and calls `sync`."""

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments.

        A run also gives `model`, a Hugging Face causal LM whose weights are version 0. A sampler outside this process
        finds configuration and tokenizer of it in the folder `model.name_or_path`.
        """
        self.config: Any = self.Config.model_validate(options) if config is None else config

    @abstractmethod
    async def sample(self, request: Request) -> Completion:
        """Answer one request; many may be awaited at once.

        Raises ContextFull, SamplerFailure, TimeoutError when nobody answers in time, and RunError for what no other
        attempt can mend. No failure is ever an empty answer: that would be trained on.
        """

    @abstractmethod
    def release(self, conversation: int) -> None:
        """Forget a conversation and free its memory."""

    @abstractmethod
    def sync(self, source: Path | Any, version: int) -> None:
        """Take new weights from a checkpoint folder, or from a model in this process; conversations may be forgotten.

        Called with no answer awaited, or from another thread: answers that are being sampled then go on with the new
        weights and tell the version of each token, or fail. Raises RunError when the new weights are not in effect.
        """

    async def close(self) -> None:
        """Stop and free everything. Safe to call twice."""
