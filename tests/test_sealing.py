"""Checksums of records: what was written comes back, and every change of one character is found."""

from __future__ import annotations

import json
import zlib

import pytest

from rftcore.sealing import sealed, unsealed


def test_the_last_key_is_the_checksum_of_the_text_before_its_comma() -> None:
    assert zlib.crc32(b'{"a": 1') == 0x7AA88204
    assert sealed('{"a": 1}\n') == '{"a": 1, "crc32": "7aa88204"}\n'
    assert sealed('{"a":[{}]}').startswith('{"a":[{}], "crc32": "')
    assert sealed('{\n "a": 1\n}\n').splitlines()[1:] == [' "a": 1,', ' "crc32": "c329b559"', "}"]


@pytest.mark.parametrize(
    "text", ['{"a": "ü\\u2028"}', '{\n "a": {\n  "b": []\n }\n}\n', '{"a": ", \\"crc32\\": \\"0\\"}"}']
)
def test_what_was_sealed_comes_back_with_the_same_content(text: str) -> None:
    assert json.loads(unsealed(sealed(text))) == json.loads(text)
    assert json.loads(sealed(text)) == json.loads(text) | {"crc32": sealed(text).rpartition('": "')[2][:8]}


def test_a_record_without_a_checksum_is_taken_as_it_is_unless_it_must_have_one() -> None:
    assert unsealed('{"a": 1}') == '{"a": 1}'
    with pytest.raises(ValueError, match="its checksum is missing"):
        unsealed('{"a": 1}', certainly=True)


def test_no_single_flipped_bit_goes_unnoticed() -> None:
    whole = sealed('{"update": 3, "loss": 0.125}').encode()
    for at in range(len(whole)):
        for bit in range(7):  # with the eighth it is no ASCII any more, which reading refuses
            changed = whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]
            try:
                told = json.loads(unsealed(changed.decode(), certainly=True))
            except ValueError:
                continue
            assert told == {"update": 3, "loss": 0.125}, changed  # white space within the seal
