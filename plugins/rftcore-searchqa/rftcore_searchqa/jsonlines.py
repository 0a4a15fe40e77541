"""Reads JSON lines, gzipped or not. Nothing in them is trusted: sizes are bounded, and errors name file and line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rftcore.errors import ConfigError

LONGEST = 16 * 1024 * 1024
"""Bytes of a record; a longer one is refused before it is read in full."""


def records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line's number, from 1, and its object. Raises ConfigError when the file is not what it should be."""
    number = 0
    try:
        with file.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(file, "rb") if zipped else file.open("rb") as lines:
            while line := lines.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise ConfigError(
                        f"{file}, line {number}: found a record of more than {LONGEST >> 20} MB, expected one JSON "
                        "object a line; split the corpus into passages"
                    )
                if line.strip():
                    record = json.loads(line)
                    if not isinstance(record, dict):
                        raise ConfigError(f"{file}, line {number}: found {line[:80]!r}, expected a JSON object")
                    yield number, record
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{file} cannot be read after line {number}: {type(error).__name__}: {error}; expected JSON lines, gzipped "
            "or not"
        ) from error
