"""Records that tell whether they are still what was written: a JSON object whose last key is the CRC-32 of the rest.

    {"update": 3, "loss": 0.1, "crc32": "5f2c0a91"}

The checksum is that of the UTF-8 text before its own comma, so it needs no canonical form, and a line of a log carries
its own. It finds what a disk or an editor changed and is no signature. Records without one, as runs of schema version 1
have them, are taken as they are.
"""

from __future__ import annotations

import re
import zlib

_SEAL = re.compile(r',\s*"crc32":\s*"([^"]*)"\s*\}\s*\Z')


def sealed(text: str) -> str:
    """Return the JSON object `text`, which has at least one key, with its checksum; on one line if it was on one."""
    whole = text.rstrip()
    body, ending = whole[:-1].rstrip(), text[len(whole) :]
    space, close = ("\n ", "\n}") if "\n" in body else (" ", "}")
    return f'{body},{space}"crc32": "{_checksum(body)}"{close}{ending}'


def unsealed(text: str, *, certainly: bool = False) -> str:
    """Return the object without its checksum, after checking that; an object that has none is returned as it is.

    Raises ValueError when the checksum is not that of the rest, or is not there and `certainly` was.
    """
    found = _SEAL.search(text, max(0, len(text) - 64))
    if found is None:
        if certainly:
            raise ValueError("its checksum is missing: its end is not what was written")
        return text
    body = text[: found.start()]
    if found[1] != _checksum(body):
        raise ValueError(f"its checksum is {_checksum(body)}, expected {found[1]}: it is not what was written")
    return body + "}"


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode('utf-8')):08x}"
