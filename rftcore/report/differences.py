"""Whether two reports are equal: what may differ between two equal runs is named in one place, here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

UNSTABLE = ("provenance.hardware", "provenance.sessions")
"""Parts that say where and when a run was worked on; keys that end in `_seconds` or `_at` do as well."""


def differences(first: Any, second: Any, path: str = "") -> Iterator[str]:
    """Yield one line for each place where two values read from `report.json` differ, and may not."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in sorted(first.keys() | second.keys()):
            where = f"{path}.{key}" if path else key
            if key.endswith(("_seconds", "_at")) or where in UNSTABLE:
                continue
            if key not in first or key not in second:
                yield f"{where}: only in the {'first' if key in first else 'second'}"
            else:
                yield from differences(first[key], second[key], where)
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for index, pair in enumerate(zip(first, second, strict=True)):
            yield from differences(*pair, f"{path}[{index}]")
    elif (type(first), first) != (type(second), second):
        yield f"{path}: {first!r} and {second!r}"
