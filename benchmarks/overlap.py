"""Seconds an update with rollouts beside learning (`training.max_staleness` 1) against taking turns (0).

Both sides train the embedded policy with GRPO on easy tasks of TextCraft, from the same start on the same tasks; with 1
a process of its own plays. A repeat trains one stage of each, one after the other, and counts the updates between the
first, which nothing overlaps, and the last, for which nothing is left to be played. The ratio is the median over the
repeats of wall time, because that is what overlapping is to save: it needs two free cores, and the load average says
whether they were. `cpu` is what rollouts and learning take in turn, and what this process does for an update when
another one plays, and `bound` the ratio that these allow: it hardly depends on what else runs. `success` is that of the
first and of the last third of all updates. The last line printed is one JSON object.

    python benchmarks/overlap.py [REPEATS [UPDATES]]
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple
from unittest.mock import patch

from rftcore import Experiment
from rftcore.train.engine import Engine

REPEATS, UPDATES = 3, 12


class Update(NamedTuple):
    """Seconds, and for all but the first update of a stage those of this thread's CPU."""

    wall: float
    before: float
    """CPU since the update before: rollouts, where they take turns with learning."""
    learning: float


def stage(staleness: int, seed: int, updates: int, root: Path) -> tuple[list[dict[str, Any]], list[Update]]:
    """Train one stage; return a row of its curve and the times for each of its updates."""
    update, ended = Engine.update, time.thread_time()
    cpu: list[tuple[float, float]] = []

    def clocked(engine: Engine, *arguments: Any, **options: Any) -> dict[str, float]:
        nonlocal ended
        began, before = time.thread_time(), ended
        figures = update(engine, *arguments, **options)
        ended = time.thread_time()
        cpu.append((began - before, ended - began))
        return figures

    with patch.object(Engine, "update", clocked):
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
    rows = [dict(row) for row in report.stages[0].curve]
    return rows, [Update(row["update_seconds"], *own) for row, own in zip(rows, cpu, strict=True)]


def middle(times: Sequence[Update]) -> Update:
    """Return the means of the updates in the middle."""
    return Update(*(fmean(part) for part in zip(*times[1:-1], strict=True)))


def ends(curves: Sequence[Sequence[dict[str, Any]]]) -> list[float]:
    """Return the success of the first and of the last third of the updates."""
    third = max(1, len(curves[0]) // 3)
    parts = (slice(third), slice(-third, None))
    return [round(fmean(row["success"] for rows in curves for row in rows[part]), 3) for part in parts]


def main() -> None:
    """Measure and print."""
    repeats, updates = ([int(argument) for argument in sys.argv[1:]] + [REPEATS, UPDATES][len(sys.argv) - 1 :])[:2]
    found: dict[int, list[list[dict[str, Any]]]] = {0: [], 1: []}
    taken: dict[int, list[Update]] = {0: [], 1: []}
    with tempfile.TemporaryDirectory() as root:
        for seed in range(repeats):
            for staleness, curves in found.items():
                rows, times = stage(staleness, seed, updates, Path(root))
                curves.append(rows)
                taken[staleness].append(middle(times))
                sys.stderr.write(f"seed {seed}, max_staleness {staleness}: {taken[staleness][-1]}\n")
    turns, beside = [Update(*map(median, zip(*own, strict=True))) for own in taken.values()]
    line = {
        "benchmark": "overlap",
        "ratios": {"turns/beside": round(median(a.wall / b.wall for a, b in zip(*taken.values(), strict=True)), 2)},
        "seconds": {"max_staleness 0": round(turns.wall, 2), "max_staleness 1": round(beside.wall, 2)},
        "cpu": {
            "rollouts": round(turns.before, 2),
            "learning": round(turns.learning, 2),
            "beside rollouts": round(beside.before + beside.learning, 2),
            "bound": round((turns.before + turns.learning) / max(turns.before, beside.before + beside.learning), 2),
        },
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
