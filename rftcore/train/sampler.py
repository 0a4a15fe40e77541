"""The sampler of core: a Hugging Face model, a KV cache kept across turns, and slots refilled at once.

Each live conversation owns a slot of the cache. A step feeds every waiting conversation what is new in its context (a
prompt, or the token sampled last) and samples one token for each, so no conversation waits for another. The prompt of a
group is computed once. A conversation that has its answer leaves the step, and the next request takes its place.

Determinism: a token is drawn by one uniform number from the request's own stream, and the order of steps follows from
the order of requests.
"""

from __future__ import annotations

import asyncio
import heapq
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from rftcore.errors import RunError
from rftcore.sampler import Completion, ContextFull, Request, Sampler
from rftcore.schemas.config import HFSamplerConfig
from rftcore.schemas.frozen import Frozen
from rftcore.train.decoder import Decoder, Piece, make_decoder

STEP_TOKENS = 4096
"""Prompt tokens of one step, unless a single prompt is longer; bounds memory. The rest waits for the next step."""


@dataclass(slots=True)
class _Slot:
    """One conversation: `context` is what it consists of, the first `cached` tokens of it have keys and values."""

    index: int
    context: list[int] = field(default_factory=list)
    cached: int = 0


@dataclass(slots=True)
class _Open:
    """A request that is being answered."""

    request: Request
    slot: _Slot
    future: asyncio.Future[Completion]
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


class HFSampler(Sampler):
    """Samples from a Hugging Face causal LM in this process."""

    Config = HFSamplerConfig  # type: ignore[assignment]

    name: ClassVar[str] = "hf"

    def __init__(self, config: Frozen | None = None, *, model: Any, **options: Any) -> None:
        """Raises ConfigError when the model cannot be sampled with a cache that is kept across turns."""
        super().__init__(config, **options)
        limit = getattr(model.config, "max_position_embeddings", None) or self.config.max_context
        self.max_context = min(self.config.max_context, limit)
        self.lanes = self.config.slots
        self.version = 0
        self._decoder: Decoder = make_decoder(model, self.config.slots, self.max_context)
        self._free = list(range(self.config.slots))
        self._slots: dict[int, _Slot] = {}
        self._shared: dict[str, _Slot] = {}
        self._waiting: list[tuple[Request, asyncio.Future[Completion]]] = []
        self._open: list[_Open] = []
        self._loop: asyncio.Task[None] | None = None

    async def sample(self, request: Request) -> Completion:
        length = request.keep + len(request.ids)
        if length >= self.max_context:
            raise ContextFull(f"the context needs {length + 1} tokens, {self.max_context} fit")
        slot = self._slots.get(request.conversation)
        if request.keep > (len(slot.context) if slot else 0) or not length:
            raise RunError(
                f"conversation {request.conversation} is asked to keep {request.keep} tokens and to add "
                f"{len(request.ids)}, but has {len(slot.context) if slot else 0}: it was released, or a sync forgot it"
            )
        future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._serve())
        return await future

    def release(self, conversation: int) -> None:
        slot = self._slots.pop(conversation, None)
        gone = RunError(f"conversation {conversation} was released before it was answered")
        for request, future in self._waiting:
            if request.conversation == conversation:
                _fail(future, gone)
        self._waiting = [entry for entry in self._waiting if entry[0].conversation != conversation]
        if slot is None:
            return
        for entry in self._open:
            if entry.slot is slot:
                _fail(entry.future, gone)
        self._open = [entry for entry in self._open if entry.slot is not slot]
        self._shared = {key: owner for key, owner in self._shared.items() if owner is not slot}
        heapq.heappush(self._free, slot.index)

    def sync(self, source: Path | Any, version: int) -> None:
        if isinstance(source, (str, Path)):
            from rftcore.train.checkpoint import load_model

            source = load_model(Path(source), device=self._decoder.device, dtype=self._decoder.dtype)
        self._decoder.load(source)
        self.version = version
        for conversation in list(self._slots):
            self.release(conversation)

    async def close(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            self._loop = None

    async def _serve(self) -> None:
        try:
            while True:
                await asyncio.sleep(0)
                self._admit()
                if not self._open:
                    if not self._waiting:
                        return
                    raise RunError(f"all {self.config.slots} slots are taken by conversations that were not released")
                self._step()
        except BaseException as error:
            for future in [future for _, future in self._waiting] + [entry.future for entry in self._open]:
                _fail(future, error)
            self._waiting, self._open = [], []
            if not isinstance(error, Exception):
                raise

    def _admit(self) -> None:
        """Give each waiting request its slot, in the order they came: the lowest, so that the taken ones are close."""
        left = []
        for request, future in self._waiting:
            slot = self._slots.get(request.conversation)
            if slot is None:
                if not self._free:
                    left.append((request, future))
                    continue
                slot = self._slots[request.conversation] = _Slot(heapq.heappop(self._free))
            slot.context = slot.context[: request.keep] + list(request.ids)
            # The last token is always fed, because what follows it is predicted then.
            slot.cached = min(slot.cached, request.keep, len(slot.context) - 1)
            self._open.append(_Open(request, slot, future))
        self._waiting = left

    @torch.inference_mode()
    def _step(self) -> None:
        """Feed what is new in the open contexts, as much of it as a step takes, and sample a token for each."""
        fed: list[_Open] = []
        followers: list[tuple[_Open, int]] = []
        """Those that begin with the prompt of a conversation in this very step, and its place in `fed`."""
        left: list[_Open] = []
        places: dict[int, int] = {}
        room = STEP_TOKENS
        for entry in self._open:
            slot = entry.slot
            owner = self._owner(entry)
            if owner is not None and owner.cached >= len(slot.context) - 1:
                slot.cached = len(slot.context) - 1
                self._decoder.copy(owner.index, slot.index, slot.cached)
            elif owner is not None:  # the owner's prompt is new as well
                if owner.index in places:
                    followers.append((entry, places[owner.index]))
                else:
                    left.append(entry)
                continue
            new = len(slot.context) - slot.cached
            if new > 1 and new > room and room < STEP_TOKENS:
                left.append(entry)
                continue
            room -= new - 1
            places[slot.index] = len(fed)
            fed.append(entry)
        logits = self._decoder.extend(
            [Piece(entry.slot.index, entry.slot.cached, entry.slot.context[entry.slot.cached :]) for entry in fed]
        )
        entries = fed
        if followers:
            for entry, place in followers:
                self._decoder.copy(fed[place].slot.index, entry.slot.index, len(entry.slot.context))
            logits = logits[torch.tensor([*range(len(fed)), *(place for _, place in followers)], device=logits.device)]
            entries = fed + [entry for entry, _ in followers]
        draws = [entry.request.rng.random() for entry in entries]
        temperatures = [entry.request.temperature for entry in entries]
        finished = []
        for entry, token, logprob in zip(entries, *draw(logits, draws, temperatures), strict=True):
            context = entry.slot.context
            entry.slot.cached = len(context)
            context.append(token)
            entry.token_ids.append(token)
            entry.logprobs.append(logprob)
            full = len(context) >= self.max_context or len(entry.token_ids) >= entry.request.max_new_tokens
            if full or token in entry.request.stop_ids:
                finished.append(entry)
            else:
                left.append(entry)
        self._open = left
        for entry in finished:
            if not entry.future.done():
                entry.future.set_result(self._completion(entry))

    def _owner(self, entry: _Open) -> _Slot | None:
        """Return another slot whose context begins with this fresh prompt, and note who has it first."""
        slot, request = entry.slot, entry.request
        if request.share is None or slot.cached or request.keep or entry.token_ids:
            return None
        owner = self._shared.setdefault(request.share, slot)
        length = len(slot.context)
        fits = owner is not slot and owner.context[:length] == slot.context
        return owner if fits and (owner.cached >= length - 1 or len(owner.context) == length) else None

    def _completion(self, entry: _Open) -> Completion:
        return Completion(tuple(entry.token_ids), tuple(entry.logprobs), checksum(entry.slot.context), self.version)


def draw(logits: torch.Tensor, draws: list[float], temperatures: list[float]) -> tuple[list[int], list[float]]:
    """Sample one token for each row of `logits` [B, V] from one uniform number in [0, 1) each, by inverse CDF.

    Returns token ids and their natural log probabilities at the row's temperature; at temperature 0.0 the most likely
    token, with its log probability at 1.0. A token of probability 0 is never drawn.
    """
    if any(temperature not in (0.0, 1.0) for temperature in temperatures):
        divisors = torch.tensor([temperature or 1.0 for temperature in temperatures], device=logits.device)
        logits = logits / divisors[:, None]
    logp = torch.log_softmax(logits, dim=-1)
    cumulative = logp.exp().cumsum(-1)
    total = cumulative[:, -1]
    # In float32 a number just below 1 may become 1: without the bound it would point behind the last possible token.
    target = torch.minimum(torch.tensor(draws, device=logits.device) * total, total.nextafter(torch.zeros_like(total)))
    tokens = torch.searchsorted(cumulative, target[:, None], right=True)
    if not all(temperatures):
        greedy = torch.tensor([temperature == 0.0 for temperature in temperatures], device=logits.device)
        tokens = torch.where(greedy[:, None], logp.argmax(-1, keepdim=True), tokens)
    chosen = logp.gather(-1, tokens).squeeze(-1)
    return tokens.squeeze(-1).tolist(), chosen.tolist()


def checksum(context: list[int]) -> int:
    """Return the CRC-32 of a context as little-endian int32 values."""
    return zlib.crc32(np.asarray(context, dtype="<i4").tobytes())


def _fail(future: asyncio.Future[Completion], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error if isinstance(error, Exception) else RunError("the sampler was stopped"))
