"""GGUF is read as it is written, and its blocks of weights are those of the format's arithmetic."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest

from rftcore_smollm2_135m.gguf import GGUF

Write = Callable[..., bytes]


def test_metadata_and_plain_tensors_come_back(write_gguf: Write) -> None:
    told = {"a.text": "h\u00e9", "a.number": 7, "a.real": 0.5, "a.list": ["x", "yz"], "a.numbers": [3, 1]}
    plain = np.arange(6, dtype="<f4").reshape(2, 3)
    half = np.array([[0.5, -2.0]], dtype="<f2")
    tensors = {"one": ((2, 3), 0, plain.tobytes()), "two": ((1, 2), 1, half.tobytes())}
    found = GGUF(write_gguf(told, tensors))
    assert found.metadata == told
    assert found.names == ("one", "two")
    assert found.tensor("one").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found.tensor("two").tolist() == [[0.5, -2.0]]


def test_the_alignment_that_a_file_states_is_kept(write_gguf: Write) -> None:
    data = np.array([1.5, 2.5], dtype="<f4").tobytes()
    for name in ("a", "ab", "abc"):
        assert GGUF(write_gguf({name: "x"}, {"one": ((2,), 0, data)})).tensor("one").tolist() == [1.5, 2.5]


def test_a_block_of_q8_0_is_a_scale_and_signed_bytes(write_gguf: Write) -> None:
    block = struct.pack("<e32b", 0.25, *range(-16, 16))
    found = GGUF(write_gguf({}, {"one": ((2, 16), 8, block)})).tensor("one")
    assert found.flatten().tolist() == [0.25 * number for number in range(-16, 16)]


def test_a_block_of_q4_1_is_a_scale_a_minimum_and_halves_low_ones_first(write_gguf: Write) -> None:
    halves = bytes(low | (15 - low) << 4 for low in range(16))
    block = struct.pack("<ee", 0.5, -3.0) + halves
    found = GGUF(write_gguf({}, {"one": ((32,), 3, block)})).tensor("one")
    assert found.tolist() == [0.5 * n - 3 for n in range(16)] + [0.5 * (15 - n) - 3 for n in range(16)]


def test_what_is_no_gguf_of_this_version_is_refused(write_gguf: Write) -> None:
    for data in (b"PK\x03\x04" + b"\0" * 40, b"GGUF\x02\0\0\0" + b"\0" * 40):
        with pytest.raises(ValueError, match="no GGUF file of version 3"):
            GGUF(data)
    with pytest.raises(ValueError, match=r"tensor 'one' is of type 12; expected one of 0, 1, 3, 8"):
        GGUF(write_gguf({}, {"one": ((32,), 12, b"\0" * 32)})).tensor("one")
