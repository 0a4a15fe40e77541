"""A long list of byte strings as two arrays, which can be mapped from disk: no object for each string."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray


def mapped(file: Path) -> NDArray[Any]:
    """Return the array in an .npy file, mapped read-only; nothing is unpickled."""
    # A plain view: slices of numpy's own memmap class cost several times as much.
    return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))


class Strings(Sequence[bytes]):
    """An immutable sequence of byte strings."""

    def __init__(self, content: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        """Take all strings, one behind the other, and where each ends, with 0 in front."""
        self._content, self._ends = content, ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._content[self._ends[index] : self._ends[index + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        return (self[number] for number in range(len(self)))

    def find(self, string: bytes) -> int | None:
        """Return where `string` stands; the strings have to be in order."""
        number = bisect_left(self, string)
        return number if number < len(self) and self[number] == string else None

    def save(self, folder: Path, name: str) -> None:
        """Write two files, `NAME.npy` and `NAME-ends.npy`."""
        np.save(folder / f"{name}.npy", self._content, allow_pickle=False)
        np.save(folder / f"{name}-ends.npy", self._ends, allow_pickle=False)

    @classmethod
    def open(cls, folder: Path, name: str) -> Strings:
        """Map what was saved."""
        return cls(mapped(folder / f"{name}.npy"), mapped(folder / f"{name}-ends.npy"))

    @classmethod
    def of(cls, strings: Iterable[bytes]) -> Strings:
        """Gather `strings`."""
        content, ends = bytearray(), array("q", [0])
        for string in strings:
            content += string
            ends.append(len(content))
        return cls(np.frombuffer(bytes(content), dtype=np.uint8), np.array(ends, dtype=np.int64))
