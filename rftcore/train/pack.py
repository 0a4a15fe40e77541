"""Rows as a tree of segments: a beginning that several rows share is computed once.

The rows of a group begin with the same prompt, and often with the same first turns; a windowed history makes rows that
repeat each other. The pack lays every distinct segment once into one flat stream for `rftcore.train.llama`. A segment
attends to those before it on its path, and causally to itself, so each row is computed as if it were alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from rftcore.train.llama import Llama
from rftcore.train.rows import Row

SHORTEST = 8
"""Tokens that two rows must share beyond a fork to fork later: a segment costs about as much as a few tokens."""


@dataclass(slots=True)
class _Segment:
    """`ids` at the places `start`, `start + 1`, ... of their rows, behind the segment `parent`."""

    parent: int | None
    start: int
    ids: list[int]


class Pack:
    """Some rows, ready for one forward pass."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._segments: list[_Segment] = []
        # The last token of a row predicts nothing that is wanted.
        contexts = [row.ids[:-1] for row in rows]
        ends = [0] * len(rows)
        order = sorted(range(len(rows)), key=lambda index: contexts[index])
        self._grow([(contexts[index], index) for index in order], None, 0, ends)
        begins = [0]
        for segment in self._segments:
            begins.append(begins[-1] + len(segment.ids))
        self.ids = torch.tensor([token for segment in self._segments for token in segment.ids])
        self.positions = torch.cat([torch.arange(s.start, s.start + len(s.ids)) for s in self._segments])
        self.lengths = [len(segment.ids) for segment in self._segments]
        places = [place for row, end in zip(rows, ends, strict=True) for place in self._places(row, end, begins)]
        self.last, self.inverse = torch.tensor(places).unique(return_inverse=True)
        """Places in the stream whose predictions are wanted, and for each sampled token, row by row, which of them."""
        self._counts = torch.bincount(
            torch.bucketize(self.last, torch.tensor(begins[1:]), right=True), minlength=len(self._segments)
        ).tolist()
        self._masks = [_causal(len(s.ids), s.start) for s in self._segments]
        starts = self.positions[self.last].split(self._counts)
        self._last_masks = [
            torch.arange(segment.start + len(segment.ids))[None] <= start[:, None]
            for segment, start in zip(self._segments, starts, strict=True)
        ]

    def hidden(self, model: Llama) -> torch.Tensor:
        """Return the final hidden states at `last`."""
        self._depth, self._grouped = model.depth, model.heads != model.kv_heads
        return model.hidden(self.ids, self.positions, self.last, self._attend)

    def _attend(self, layer: int, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        final = layer == self._depth - 1
        parts = queries.transpose(0, 1)[None].split(self._counts if final else self.lengths, 2)
        masks = self._last_masks if final else self._masks
        all_keys = list(keys.transpose(0, 1)[None].split(self.lengths, 2))
        all_values = list(values.transpose(0, 1)[None].split(self.lengths, 2))
        outputs = []
        for index, (segment, query, mask) in enumerate(zip(self._segments, parts, masks, strict=True)):
            if segment.parent is not None:
                all_keys[index] = torch.cat([all_keys[segment.parent], all_keys[index]], 2)
                all_values[index] = torch.cat([all_values[segment.parent], all_values[index]], 2)
            if query.shape[2]:
                outputs.append(
                    F.scaled_dot_product_attention(
                        query,
                        all_keys[index],
                        all_values[index],
                        attn_mask=mask,
                        is_causal=mask is None,
                        enable_gqa=self._grouped,
                    )
                )
        return torch.cat(outputs, 2)[0].transpose(0, 1)

    def _grow(self, rows: list[tuple[list[int], int]], parent: int | None, start: int, ends: list[int]) -> None:
        """Add the segments of sorted `rows`, which agree up to `start`; note in `ends` which one ends each row."""
        stop = agreement(rows[0][0], rows[-1][0], start)
        if stop > start:
            self._segments.append(_Segment(parent, start, rows[0][0][start:stop]))
            parent = len(self._segments) - 1
        first = 0
        while first < len(rows):
            end = first + 1
            context, index = rows[first]
            if len(context) == stop and parent is not None:
                ends[index] = parent
            else:
                while end < len(rows) and agreement(context, rows[end][0], stop) - stop >= SHORTEST:
                    end += 1
                self._grow(rows[first:end], parent, stop, ends)
            first = end

    def _places(self, row: Row, end: int, begins: list[int]) -> list[int]:
        """Return where in the stream the tokens before the row's sampled ones are."""
        path = []
        segment: int | None = end
        while segment is not None:
            path.append(segment)
            segment = self._segments[segment].parent
        path.reverse()
        places, step = [], 0
        for position in row.positions:
            while step + 1 < len(path) and self._segments[path[step + 1]].start <= position - 1:
                step += 1
            places.append(begins[path[step]] + position - 1 - self._segments[path[step]].start)
        return places


def agreement(left: list[int], right: list[int], start: int = 0) -> int:
    """Return up to where two contexts are equal, given that they are up to `start`."""
    limit = min(len(left), len(right))
    while start < limit and left[start] == right[start]:
        start += 1
    return start


def _causal(length: int, start: int) -> torch.Tensor | None:
    if start == 0:
        return None
    return torch.full((length, start + length), float("-inf")).triu_(start + 1)
