"""One step of many conversations over a cache of their keys and values, in two forms.

A step appends some tokens to each of some slots and returns the logits after the last of them. `FusedDecoder` runs
the forward of `rftcore.train.llama`, without padding; it decides the speed of small models. `GenericDecoder` runs any
Hugging Face causal LM over the same cache, and refuses one whose predictions it does not reproduce.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from transformers import Cache

from rftcore.errors import ConfigError
from rftcore.train.cache import KVCache
from rftcore.train.llama import Llama


@dataclass(frozen=True, slots=True)
class Piece:
    """`ids` (at least one) to append to slot `slot`, whose first `start` tokens are cached."""

    slot: int
    start: int
    ids: Sequence[int]


class Decoder(ABC):
    """Forward steps of one model over a cache of `slots` conversations."""

    def __init__(self, model: Any, slots: int) -> None:
        parameter = next(model.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype
        self._cache = KVCache(slots)
        self.load(model)

    @abstractmethod
    def load(self, model: Any) -> None:
        """Take the present weights of `model`; what is cached is then worthless."""

    @abstractmethod
    def extend(self, pieces: Sequence[Piece]) -> torch.Tensor:
        """Append each piece to its slot; return float32 logits [pieces, vocabulary] after the last token of each."""

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` cached tokens of one slot to another."""
        self._cache.copy(source, target, length)

    def _tensor(self, values: list[int]) -> torch.Tensor:
        return torch.tensor(values, device=self.device)


@dataclass(slots=True)
class _Block:
    """Pieces that attend in one call: neighbouring slots, equally many queries each."""

    first: int
    """Its slots are `first`, `first + 1`, ..., `first + count - 1`."""
    count: int
    span: int
    """Keys that the call sees."""
    places: slice | torch.Tensor
    """Where its queries are in the stream."""
    rows: torch.Tensor | None
    """Which of its slots have queries, when not all have: the others are computed for nothing, which beats copying."""
    mask: torch.Tensor | None
    causal: bool


class FusedDecoder(Decoder):
    """Llama-family models."""

    def load(self, model: Any) -> None:
        self._model = Llama(model, frozen=True)

    def extend(self, pieces: Sequence[Piece]) -> torch.Tensor:
        order = sorted(range(len(pieces)), key=lambda index: (len(pieces[index].ids) > 1, pieces[index].slot))
        ordered = [pieces[index] for index in order]
        ends = [piece.start + len(piece.ids) for piece in ordered]
        self._cache.reserve(max(ends))
        counts = self._tensor([len(piece.ids) for piece in ordered])
        stream = self._tensor([token for piece in ordered for token in piece.ids])
        last = counts.cumsum(0) - 1
        starts = self._tensor([piece.start for piece in ordered])
        positions = torch.arange(len(stream), device=self.device)
        positions = positions + torch.repeat_interleave(starts - last - 1 + counts, counts, output_size=len(stream))
        slots = torch.repeat_interleave(
            self._tensor([piece.slot for piece in ordered]), counts, output_size=len(stream)
        )
        addresses = self._cache.addresses(slots, positions, self._model.kv_heads)
        blocks = self._blocks(ordered)
        final = self._single_blocks(sorted(range(len(ordered)), key=lambda i: ordered[i].slot), ordered)

        def attend(layer: int, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
            self._cache.write(layer, addresses, keys, values)
            return self._attend(layer, queries, final if layer == self._model.depth - 1 else blocks)

        logits = self._model.logits(self._model.hidden(stream, positions, last, attend))
        return logits if order == list(range(len(order))) else logits[self._tensor(order).argsort()]

    def _attend(self, layer: int, queries: torch.Tensor, blocks: list[_Block]) -> torch.Tensor:
        output = torch.empty_like(queries)
        heads, width = queries.shape[1:]
        for block in blocks:
            rows = block.count if block.rows is None else len(block.rows)
            query = queries[block.places].view(rows, -1, heads, width).transpose(1, 2)
            if block.rows is not None:
                query = query.new_zeros(block.count, *query.shape[1:]).index_copy_(0, block.rows, query)
            keys, values = self._cache.view(layer, block.first, block.count, block.span)
            found = F.scaled_dot_product_attention(
                query,
                keys,
                values,
                attn_mask=block.mask,
                is_causal=block.causal,
                enable_gqa=heads != self._model.kv_heads,
            )
            if block.rows is not None:
                found = found[block.rows]
            output[block.places] = found.transpose(1, 2).reshape(-1, heads, width)
        return output

    def _blocks(self, pieces: list[Piece]) -> list[_Block]:
        """Return the blocks of a step whose pieces of one token come first."""
        singles = sum(len(piece.ids) == 1 for piece in pieces)
        blocks = self._single_blocks(list(range(singles)), pieces)
        place, index = singles, singles
        while index < len(pieces):
            head, count = pieces[index], 1
            length, end = len(head.ids), head.start + len(head.ids)
            while index + count < len(pieces) and _alike(head, pieces[index + count], count):
                count += 1
            mask = None
            if head.start:
                mask = torch.full((length, end), float("-inf"), dtype=self.dtype, device=self.device)
                mask.triu_(head.start + 1)
            places = slice(place, place + count * length)
            blocks.append(_Block(head.slot, count, end, places, None, mask, causal=mask is None))
            place += count * length
            index += count
        return blocks

    def _single_blocks(self, order: list[int], pieces: list[Piece]) -> list[_Block]:
        """Return the blocks of one query a piece, its last; `order` sorts the pieces by slot."""
        # On the CPU a call costs about as much as a few slots; on a GPU it costs more than all of them.
        bridge = 4 if self.device.type == "cpu" else 1 << 30
        blocks, begin = [], 0
        for index in range(1, len(order) + 1):
            if index < len(order) and pieces[order[index]].slot - pieces[order[index - 1]].slot <= bridge:
                continue
            members = order[begin:index]
            begin = index
            first = pieces[members[0]].slot
            count = pieces[members[-1]].slot - first + 1
            ends = [1] * count
            for member in members:
                ends[pieces[member].slot - first] = pieces[member].start + len(pieces[member].ids)
            span = max(ends)
            mask = None
            if min(ends) < span:
                hidden = torch.arange(span, device=self.device) >= self._tensor(ends)[:, None]
                mask = torch.zeros(count, 1, 1, span, dtype=self.dtype, device=self.device)
                mask.masked_fill_(hidden[:, None, None], float("-inf"))
            rows = None
            if len(members) < count:
                rows = self._tensor([pieces[member].slot - first for member in members])
            places: slice | torch.Tensor = slice(members[0], members[-1] + 1)
            if members != list(range(members[0], members[-1] + 1)):
                places = self._tensor(members)
            blocks.append(_Block(first, count, span, places, rows, mask, causal=False))
        return blocks


def _alike(head: Piece, other: Piece, distance: int) -> bool:
    return other.slot == head.slot + distance and other.start == head.start and len(other.ids) == len(head.ids)


class _SlotCache(Cache):
    """Hands a Hugging Face model the slots of one step."""

    def __init__(self, update: Callable[[int, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]) -> None:
        super().__init__(layers=[])
        self._update = update

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return self._update(layer_idx, key_states, value_states)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0


class GenericDecoder(Decoder):
    """Any Hugging Face causal LM with ordinary attention; the model itself holds the weights."""

    def __init__(self, model: Any, slots: int, max_context: int) -> None:
        """Raises ConfigError when a rehearsal shows that the model does not predict the same over this cache."""
        config = model.config
        windowed = getattr(config, "use_sliding_window", True) and getattr(config, "sliding_window", None)
        self._window: int | None = config.sliding_window if windowed and windowed < max_context else None
        kinds = set(getattr(config, "layer_types", None) or ["sliding_attention"])
        if not kinds <= {"full_attention", "sliding_attention"}:
            raise ConfigError(f"{_refusal(model)}: its layers are of {', '.join(sorted(kinds))}")
        self._mixed = "sliding_attention" in kinds and len(kinds) > 1
        if "sliding_attention" not in kinds:
            self._window = None
        super().__init__(model, slots)
        self._rehearse(min(max_context, (self._window or 0) + 12))

    def load(self, model: Any) -> None:
        self._model = model
        inner = model.get_base_model() if hasattr(model, "peft_config") else model
        takes = inspect.signature(inner.forward).parameters
        self._options = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}

    def extend(self, pieces: Sequence[Piece]) -> torch.Tensor:
        self._cache.reserve(max(piece.start + len(piece.ids) for piece in pieces))
        # Pieces of one token apart from the others, which would pad them to their length.
        groups = [
            [index for index, piece in enumerate(pieces) if (len(piece.ids) == 1) == single] for single in (True, False)
        ]
        found = [self._forward([pieces[index] for index in group]) for group in groups if group]
        if len(found) == 1:
            return found[0]
        return torch.cat(found)[self._tensor(groups[0] + groups[1]).argsort()]

    def _forward(self, pieces: list[Piece]) -> torch.Tensor:
        """Run the pieces padded on the left, so that every last token is in the last column."""
        width = max(len(piece.ids) for piece in pieces)
        span = max(piece.start + len(piece.ids) for piece in pieces)
        pads = [width - len(piece.ids) for piece in pieces]
        ids = [token for pad, piece in zip(pads, pieces, strict=True) for token in [0] * pad + [*piece.ids]]
        columns = torch.arange(width, device=self.device) - self._tensor(pads)[:, None]
        positions = columns + self._tensor([piece.start for piece in pieces])[:, None]
        positions = positions.masked_fill(columns < 0, -1)
        slots = self._tensor([piece.slot for piece in pieces])
        owners = slots.repeat_interleave(width)
        addresses: dict[int, torch.Tensor] = {}

        def update(layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            heads = keys.shape[1]
            if heads not in addresses:
                addresses[heads] = self._cache.addresses(owners, positions.flatten(), heads)
            flat = (tensor.transpose(1, 2).flatten(0, 1) for tensor in (keys, values))
            self._cache.write(layer, addresses[heads], *flat)
            return self._cache.gather(layer, slots, span)

        output = self._model(
            input_ids=self._tensor(ids).view(len(pieces), width),
            attention_mask=self._masks(positions.clamp(min=0), span),
            position_ids=positions.clamp(min=0),
            past_key_values=_SlotCache(update),
            use_cache=True,
            **self._options,
        )
        return output.logits[:, -1].float()  # type: ignore[no-any-return]

    def _masks(self, positions: torch.Tensor, span: int) -> torch.Tensor | dict[str, torch.Tensor]:
        keys, queries = torch.arange(span, device=self.device), positions[:, None, :, None]
        full = self._additive(keys <= queries)
        if self._window is None:
            return full
        sliding = self._additive((keys <= queries) & (keys > queries - self._window))
        return {"full_attention": full, "sliding_attention": sliding} if self._mixed else sliding

    def _additive(self, seen: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros(seen.shape, dtype=self.dtype, device=self.device)
        return mask.masked_fill_(~seen, torch.finfo(self.dtype).min)

    @torch.no_grad()
    def _rehearse(self, length: int) -> None:
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(self._model.config.vocab_size, (length,), generator=generator).tolist()
        expected = self._model(input_ids=self._tensor(ids)[None], use_cache=False).logits[0, -1].float()
        try:
            self.extend([Piece(0, 0, ids[:-6]), Piece(1 % self._cache.slots, 0, ids[:2])])
            self.extend([Piece(0, length - 6, ids[-6:-1])])
            found = self.extend([Piece(0, length - 1, ids[-1:])])[0]
        except Exception as error:
            raise ConfigError(f"{_refusal(self._model)}: {type(error).__name__}: {error}") from error
        off = (torch.log_softmax(found, -1) - torch.log_softmax(expected, -1)).abs().max().item()
        if not off < (1e-3 if self.dtype == torch.float32 else 0.5):
            raise ConfigError(f"{_refusal(self._model)}: its logprobs are off by {off:.2g}")


def _refusal(model: Any) -> str:
    return (
        f"the sampler 'hf' cannot keep the cache of a model of type {model.config.model_type!r} across turns; "
        "use a model with ordinary attention"
    )


def make_decoder(model: Any, slots: int, max_context: int) -> Decoder:
    """Return the fastest decoder that reproduces `model`; raises ConfigError when there is none."""
    return FusedDecoder(model, slots) if Llama.fits(model) else GenericDecoder(model, slots, max_context)
