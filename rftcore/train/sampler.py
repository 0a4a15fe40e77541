"""The sampler of core: a Hugging Face model, a KV cache kept across the turns of an episode, and slots refilled at once.

Each live conversation owns a slot of the cache. A request appends its tokens (all but the last) in one batch with the
others that wait, equal prompts of a group once for all; then every open conversation feeds one token a step and samples
the next. A conversation that has its answer leaves the batch, and the next request takes its place.

Determinism: tokens are drawn by one uniform number from the request's own stream, and the order of batches
follows from the order of requests.
"""

from __future__ import annotations

import asyncio
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
from rftcore.train.decoder import Decoder, make_decoder


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

    Config = HFSamplerConfig

    name: ClassVar[str] = "hf"

    def __init__(self, config: Frozen | None = None, *, model: Any, **options: Any) -> None:
        super().__init__(config, **options)
        limit = getattr(model.config, "max_position_embeddings", self.config.max_context)
        self.max_context = min(self.config.max_context, limit)
        self.version = 0
        self._decoder: Decoder = make_decoder(model, self.config.slots, self.max_context)
        self._free = list(range(self.config.slots - 1, -1, -1))
        self._slots: dict[int, _Slot] = {}
        self._shared: dict[str, _Slot] = {}
        self._waiting: list[tuple[Request, asyncio.Future[Completion]]] = []
        self._appending: list[_Open] = []
        self._open: list[_Open] = []
        self._loop: asyncio.Task[None] | None = None

    async def sample(self, request: Request) -> Completion:
        room = self.max_context - request.keep - len(request.ids)
        if room < 1:
            raise ContextFull(f"the context needs {request.keep + len(request.ids) + 1} tokens, {self.max_context} fit")
        future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._serve())
        return await future

    def release(self, conversation: int) -> None:
        slot = self._slots.pop(conversation, None)
        if slot is not None:
            self._free.append(slot.index)
            self._shared = {key: owner for key, owner in self._shared.items() if owner is not slot}

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
                if not self._open and not self._appending:
                    if not self._waiting:
                        return
                    raise RunError(f"all {self.config.slots} slots are taken by conversations that were not released")
                # Appending in few large batches beats many small ones: wait until half of the live ones ask for it.
                if len(self._appending) >= len(self._open):
                    self._append()
                self._step()
        except BaseException as error:
            for _, future in self._waiting:
                _fail(future, error)
            for entry in (*self._open, *self._appending):
                _fail(entry.future, error)
            self._waiting, self._open, self._appending = [], [], []
            raise

    def _admit(self) -> None:
        """Give each waiting request its slot, in the order they came."""
        left = []
        for request, future in self._waiting:
            slot = self._slots.get(request.conversation)
            if slot is None:
                if not self._free:
                    left.append((request, future))
                    continue
                slot = self._slots[request.conversation] = _Slot(self._free.pop())
            slot.cached = min(slot.cached, request.keep)
            slot.context = slot.context[: request.keep] + list(request.ids)
            self._appending.append(_Open(request, slot, future))
        self._waiting = left

    @torch.inference_mode()
    def _append(self) -> None:
        """Cache every waiting token but the last of each context."""
        entries, self._appending = self._appending, []
        self._open += entries
        followers = []
        leaders = []
        for entry in entries:
            key = entry.request.share
            if key is not None and entry.request.keep == 0:
                owner = self._shared.setdefault(key, entry.slot)
                length = len(entry.slot.context) - 1
                if owner is not entry.slot and owner.context[:length] == entry.slot.context[:length]:
                    followers.append((entry, owner))
                    continue
            leaders.append(entry)
        todo = [entry.slot for entry in leaders if len(entry.slot.context) - 1 > entry.slot.cached]
        todo.sort(key=lambda slot: slot.index)
        if todo:
            longest = max(len(slot.context) - 1 - slot.cached for slot in todo)
            ids = np.zeros((len(todo), longest), dtype=np.int64)
            starts = np.empty(len(todo), dtype=np.int64)
            for row, slot in enumerate(todo):
                new = slot.context[slot.cached : -1]
                ids[row, : len(new)] = new
                starts[row] = slot.cached
            self._forward(ids, starts, todo)
        for slot in todo:
            slot.cached = len(slot.context) - 1
        for entry, owner in followers:
            length = len(entry.slot.context) - 1
            self._decoder.copy(owner.index, torch.tensor([entry.slot.index], device=self._decoder.device), length)
            entry.slot.cached = length

    @torch.inference_mode()
    def _step(self) -> None:
        """Feed the last token of every open context and sample the next one."""
        entries = self._open
        if not entries:
            return
        entries.sort(key=lambda entry: entry.slot.index)
        slots = [entry.slot for entry in entries]
        ids = np.array([[slot.context[-1]] for slot in slots], dtype=np.int64)
        starts = np.array([len(slot.context) - 1 for slot in slots], dtype=np.int64)
        hidden = self._forward(ids, starts, slots)
        draws = [entry.request.rng.random() for entry in entries]
        temperatures = [entry.request.temperature for entry in entries]
        tokens, logprobs = draw(self._decoder.logits(hidden[:, 0]), draws, temperatures)
        self._open = []
        for entry, token, logprob in zip(entries, tokens, logprobs, strict=True):
            slot, request = entry.slot, entry.request
            slot.cached = len(slot.context)
            slot.context.append(token)
            entry.token_ids.append(token)
            entry.logprobs.append(logprob)
            full = len(slot.context) >= self.max_context or len(entry.token_ids) >= request.max_new_tokens
            if token in request.stop_ids or full:
                if not entry.future.done():
                    entry.future.set_result(self._completion(entry))
            else:
                self._open.append(entry)

    def _completion(self, entry: _Open) -> Completion:
        return Completion(
            tuple(entry.token_ids), tuple(entry.logprobs), checksum(entry.slot.context), self.version
        )

    def _forward(self, ids: np.ndarray[Any, Any], starts: np.ndarray[Any, Any], slots: list[_Slot]) -> torch.Tensor:
        device = self._decoder.device
        positions = starts[:, None] + np.arange(ids.shape[1])
        np.minimum(positions, self.max_context - 1, out=positions)
        # A span rounded up to 16 keeps the shapes few without attending to anything new: the mask is exact.
        span = min(self.max_context, (int(positions.max()) + 16) // 16 * 16)
        return self._decoder.hidden(
            torch.from_numpy(ids).to(device),
            torch.from_numpy(positions).to(device),
            torch.tensor([slot.index for slot in slots], device=device),
            span,
        )


def draw(logits: torch.Tensor, draws: list[float], temperatures: list[float]) -> tuple[list[int], list[float]]:
    """Sample one token for each row of `logits` [B, V] from one uniform number in [0, 1) each, by inverse CDF.

    Returns token ids and their natural log probabilities at the row's temperature; at temperature 0.0 the most likely
    token, with its log probability at 1.0.
    """
    scale = torch.tensor([temperature or 1.0 for temperature in temperatures], device=logits.device)
    logp = torch.log_softmax(logits / scale[:, None], dim=-1)
    cumulative = logp.exp().cumsum(-1)
    target = torch.tensor(draws, device=logits.device) * cumulative[:, -1]
    tokens = torch.searchsorted(cumulative, target[:, None], right=True).squeeze(-1)
    tokens = tokens.clamp_(max=logits.shape[-1] - 1)
    if not all(temperatures):
        greedy = torch.tensor([temperature == 0.0 for temperature in temperatures], device=logits.device)
        tokens = torch.where(greedy, logp.argmax(-1), tokens)
    chosen = logp.gather(-1, tokens[:, None]).squeeze(-1)
    return tokens.tolist(), chosen.tolist()


def checksum(context: list[int]) -> int:
    """Return the CRC-32 of a context as little-endian int32 values."""
    return zlib.crc32(np.asarray(context, dtype="<i4").tobytes())


def _fail(future: asyncio.Future[Completion], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error if isinstance(error, Exception) else RunError("the sampler was stopped"))
