"""Compares two reports by their contract: only what says when and where a run was worked on may differ.

    python tests/compare_reports.py runs/a/report.json runs/b/report.json

prints every difference and exits with code 1 when there is any.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rftcore.report.differences import differences


def main() -> int:
    """Compare the two files in `sys.argv`."""
    first, second = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    found = list(differences(first, second))
    sys.stdout.write("".join(f"{line}\n" for line in found) or "no difference\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
