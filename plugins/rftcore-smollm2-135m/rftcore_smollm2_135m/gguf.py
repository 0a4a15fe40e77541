"""Reads GGUF version 3, the one-file format of llama.cpp, as far as this model needs it.

A file is a header, metadata, the list of tensors, and their data. Format: `docs/gguf.md` in ggml's repository; blocks
of quantized weights: `ggml-common.h` there.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_F32, _F16, _Q4_1, _Q8_0 = 0, 1, 3, 8
_BLOCKS = {_F32: (1, 4), _F16: (1, 2), _Q4_1: (32, 20), _Q8_0: (32, 34)}
"""Weights and bytes of one block, by type of tensor."""


class GGUF:
    """One file: its metadata, and its tensors by name. Raises ValueError for what is not GGUF as described above."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 4
        if data[:4] != b"GGUF" or self._scalar("I") != 3:
            raise ValueError("no GGUF file of version 3")
        tensors, entries = self._scalar("Q"), self._scalar("Q")
        self.metadata: dict[str, Any] = {}
        for _ in range(entries):
            name = self._string()
            self.metadata[name] = self._value(self._scalar("I"))
        self._tensors: dict[str, tuple[tuple[int, ...], int, int]] = {}
        for _ in range(tensors):
            name = self._string()
            shape = tuple(self._scalar("Q") for _ in range(self._scalar("I")))[::-1]
            self._tensors[name] = (shape, self._scalar("I"), self._scalar("Q"))
        alignment = self.metadata.get("general.alignment", 32)
        self._start = -(-self._place // alignment) * alignment

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors, in the order of the file."""
        return tuple(self._tensors)

    def tensor(self, name: str) -> Weights:
        """Return a tensor as float32, its longest stride first, as numpy and torch write shapes."""
        shape, kind, offset = self._tensors[name]
        if kind not in _BLOCKS:
            raise ValueError(f"tensor {name!r} is of type {kind}; expected one of {', '.join(map(str, _BLOCKS))}")
        weights, size = _BLOCKS[kind]
        count = int(np.prod(shape)) // weights
        blocks = np.frombuffer(self._data, np.uint8, count * size, self._start + offset).reshape(count, size)
        return _dequantized(blocks, kind).reshape(shape)

    def _scalar(self, kind: str) -> Any:
        (value,) = struct.unpack_from(f"<{kind}", self._data, self._place)
        self._place += struct.calcsize(f"<{kind}")
        return value

    def _string(self) -> str:
        length = self._scalar("Q")
        self._place += length
        return self._data[self._place - length : self._place].decode("utf-8")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            inner, length = self._scalar("I"), self._scalar("Q")
            return [self._value(inner) for _ in range(length)]
        return self._scalar(_SCALARS[kind])


def _dequantized(blocks: NDArray[np.uint8], kind: int) -> Weights:
    """Return the weights of `blocks` [number, bytes of one].

    A block of Q8_0 is a scale and 32 signed bytes: scale * byte. One of Q4_1 is a scale, a minimum and 16 bytes, whose
    low halves are the first 16 weights and whose high halves the last: scale * half + minimum.
    """
    if kind == _F32:
        return blocks.view("<f4").astype(np.float32)
    if kind == _F16:
        return blocks.view("<f2").astype(np.float32)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    if kind == _Q8_0:
        weights: Weights = scale * blocks[:, 2:].view(np.int8)
    else:
        minimum = blocks[:, 2:4].copy().view("<f2").astype(np.float32)
        weights = scale * np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], axis=1) + minimum
    return weights
