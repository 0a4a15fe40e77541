"""Keys and values of many conversations: one slot each, kept across turns, grown as contexts grow."""

from __future__ import annotations

import torch

_FIRST = 256
"""Tokens a slot has room for at first; room doubles when a context needs more."""


class KVCache:
    """Per layer, keys and values [slots, heads, room + 1, width]; the last place takes what padding writes.

    Places that were never written hold zeros, so that masked scores of them are finite.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._room = 0
        self._stores: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def reserve(self, length: int) -> None:
        """Make room for contexts of `length` tokens."""
        if length <= self._room:
            return
        self._room = max(length, 2 * self._room, _FIRST)
        for layer, (keys, values) in self._stores.items():
            self._stores[layer] = (self._grown(keys), self._grown(values))

    def addresses(self, slots: torch.Tensor, positions: torch.Tensor, heads: int) -> torch.Tensor:
        """Return where `write` puts tokens: at `positions` [N] of `slots` [N]; position -1 is the place for padding."""
        places = torch.where(positions < 0, self._room, positions)
        rows = slots[:, None] * heads + torch.arange(heads, device=slots.device)
        return (rows * (self._room + 1) + places[:, None]).flatten()

    def write(self, layer: int, addresses: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Store keys and values [N, heads, width] of one layer at `addresses` of the same `heads`."""
        if layer not in self._stores:
            self._stores[layer] = (self._empty(keys), self._empty(values))
        for store, new in zip(self._stores[layer], (keys, values), strict=True):
            store.view(-1, new.shape[-1]).index_copy_(0, addresses, new.reshape(-1, new.shape[-1]))

    def view(self, layer: int, first: int, count: int, span: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return views [count, heads, span, width] of the slots from `first` on."""
        keys, values = self._stores[layer]
        return keys[first : first + count, :, :span], values[first : first + count, :, :span]

    def gather(self, layer: int, slots: torch.Tensor, span: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return copies [len(slots), heads, span, width] of any slots."""
        keys, values = self._stores[layer]
        return keys[:, :, :span].index_select(0, slots), values[:, :, :span].index_select(0, slots)

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` tokens of one slot to another."""
        for stores in self._stores.values():
            for store in stores:
                store[target, :, :length] = store[source, :, :length]

    def _empty(self, like: torch.Tensor) -> torch.Tensor:
        _, heads, width = like.shape
        return torch.zeros(self.slots, heads, self._room + 1, width, dtype=like.dtype, device=like.device)

    def _grown(self, store: torch.Tensor) -> torch.Tensor:
        slots, heads, room, width = store.shape
        grown = store.new_zeros(slots, heads, self._room + 1, width)
        grown[:, :, : room - 1] = store[:, :, :-1]
        return grown
