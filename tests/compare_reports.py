"""Compares two reports by their contract: only keys that end in `_seconds` or `_at`, and the hardware, may differ.

    python tests/compare_reports.py runs/a/report.json runs/b/report.json

prints every difference and exits with code 1 when there is any.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def differences(first: Any, second: Any, path: str = "") -> Iterator[str]:
    """Yield one line for each place where two values read from `report.json` differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in sorted(first.keys() | second.keys()):
            where = f"{path}.{key}" if path else key
            if key.endswith(("_seconds", "_at")) or where == "provenance.hardware":
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


def main() -> int:
    """Compare the two files in `sys.argv`."""
    first, second = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    found = list(differences(first, second))
    sys.stdout.write("".join(f"{line}\n" for line in found) or "no difference\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
