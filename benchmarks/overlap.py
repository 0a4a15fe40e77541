"""Seconds an update with rollouts beside learning (`training.max_staleness` 1) against taking turns (0).

Both sides train the embedded policy with GRPO on easy tasks of TextCraft, from the same start on the same tasks; with 1
a process of its own plays. A repeat trains one stage of each, one after the other, and counts the updates between the
first, which nothing overlaps, and the last, for which nothing is left to be played. The ratio is the median over the
repeats of wall time, because that is what overlapping is to save: it needs two free cores, and the load average says
whether they were. `success` is that of the first and of the last third of all updates. The last line printed is one
JSON object.

    python benchmarks/overlap.py [REPEATS [UPDATES]]
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

from rftcore import Experiment

REPEATS, UPDATES = 3, 12


def curve(staleness: int, seed: int, updates: int, root: Path) -> list[dict[str, Any]]:
    """Train one stage; return a row for each of its updates."""
    report = Experiment(
        name=f"overlap-{staleness}-{seed}",
        seed=seed,
        train="textcraft:easy",
        environments={"textcraft": {"max_turns": 8, "distractors": 2}},
        training={"updates": updates, "groups": 16, "samples": 8, "max_staleness": staleness},
        learner={"learning_rate": 3e-4},
        sampling={"max_new_tokens": 24},
        evaluation={"tasks": 2, "samples": 1},
        references=[],
    ).run(root)
    return [dict(row) for row in report.stages[0].curve]


def seconds(rows: Sequence[dict[str, Any]]) -> float:
    """Return the mean of the updates in the middle."""
    return fmean(row["update_seconds"] for row in rows[1:-1])


def ends(curves: Sequence[Sequence[dict[str, Any]]]) -> list[float]:
    """Return the success of the first and of the last third of the updates."""
    third = max(1, len(curves[0]) // 3)
    parts = (slice(third), slice(-third, None))
    return [round(fmean(row["success"] for rows in curves for row in rows[part]), 3) for part in parts]


def main() -> None:
    """Measure and print."""
    repeats, updates = ([int(argument) for argument in sys.argv[1:]] + [REPEATS, UPDATES][len(sys.argv) - 1 :])[:2]
    found: dict[int, list[list[dict[str, Any]]]] = {0: [], 1: []}
    with tempfile.TemporaryDirectory() as root:
        for seed in range(repeats):
            for staleness, curves in found.items():
                curves.append(curve(staleness, seed, updates, Path(root)))
                sys.stderr.write(f"seed {seed}, max_staleness {staleness}: {seconds(curves[-1]):.2f} s an update\n")
    taken = {staleness: [seconds(rows) for rows in curves] for staleness, curves in found.items()}
    line = {
        "benchmark": "overlap",
        "ratios": {"turns/beside": round(median(a / b for a, b in zip(taken[0], taken[1], strict=True)), 2)},
        "seconds": {f"max_staleness {staleness}": round(median(own), 2) for staleness, own in taken.items()},
        "success": {f"max_staleness {staleness}": ends(curves) for staleness, curves in found.items()},
        "detail": {
            "updates": updates,
            "repeats": repeats,
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
            "staleness": round(fmean(row["staleness"] for rows in found[1] for row in rows), 2),
            "correction": round(fmean(row["correction"] for rows in found[1] for row in rows if row["rows"]), 4),
        },
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
