"""What answers behind the contract server: a tiny model in core's decoder, requests that come and go, and a cache."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from rftcore.train.decoder import Piece, make_decoder
from rftcore.train.sampler import draw

SLOTS, BLOCK = 64, 16
VOCABULARY, CONTEXT = 64, 512


def build(seed: int = 0) -> Any:
    """Return a random tiny model with a tied head, sharp enough that a wrong context shows."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=0.2,
        eos_token_id=0,
        pad_token_id=0,
    )
    return Qwen2ForCausalLM(config).eval()


@dataclass(eq=False)
class Running:
    """A request that is being answered."""

    context: list[int]
    parameters: dict[str, Any]
    done: asyncio.Future[None]
    rng: random.Random
    slot: int
    cached: int
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    reason: str = ""
    reused: int = 0


class Engine:
    """Continuous batching over a cache whose beginnings are used again, block by block."""

    def __init__(self, model: Any, *, invariant: bool = False) -> None:
        """`invariant` computes every question from its beginning and by itself: what else is asked changes no bit."""
        self.invariant = invariant
        self.decoder = make_decoder(model, SLOTS, model.config.max_position_embeddings)
        self.running: list[Running] = []
        self.room = asyncio.Semaphore(SLOTS)
        """One for each request that can run; others wait for it."""
        self._kept: list[list[int]] = [[] for _ in range(SLOTS)]
        """What each slot has keys and values of."""

    def start(self, prompt: list[int], parameters: dict[str, Any], done: asyncio.Future[None]) -> Running:
        taken = {request.slot for request in self.running}
        free = [slot for slot in range(SLOTS) if slot not in taken]
        slot = max(free, key=lambda slot: (_agreement(self._kept[slot], prompt), -len(self._kept[slot])))
        agreed = 0 if self.invariant else _agreement(self._kept[slot], prompt)
        reused = min(agreed, len(prompt) - 1) // BLOCK * BLOCK
        rng = random.Random(parameters["seed"])
        request = Running(list(prompt), parameters, done, rng, slot, reused, reused=reused)
        self.running.append(request)
        return request

    def step(self, tag: str) -> None:
        for together in [[request] for request in self.running] if self.invariant else [self.running]:
            self._extend(together, tag)

    @torch.inference_mode()
    def _extend(self, together: list[Running], tag: str) -> None:
        pieces = [Piece(request.slot, request.cached, request.context[request.cached :]) for request in together]
        logits = self.decoder.extend(pieces)
        draws = [request.rng.random() for request in together]
        temperatures = [request.parameters["temperature"] for request in together]
        for request, token, logprob in zip(together, *draw(logits, draws, temperatures), strict=True):
            request.cached = len(request.context)
            self._kept[request.slot] = list(request.context)
            request.context.append(token)
            request.token_ids.append(token)
            request.logprobs.append(logprob)
            request.tags.append(tag)
            if token in request.parameters["stop_token_ids"]:
                self.finish(request, "stop")
            elif len(request.token_ids) >= request.parameters["max_tokens"]:
                self.finish(request, "length")

    def finish(self, request: Running, reason: str) -> None:
        request.reason = reason
        self.running = [other for other in self.running if other is not request]
        if not request.done.done():
            request.done.set_result(None)

    def empty(self, running_too: bool) -> bool:
        if self.running and not running_too:
            return False
        for request in self.running:
            request.cached = 0
        self._kept = [[] for _ in range(SLOTS)]
        return True


def _agreement(one: list[int], other: list[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
