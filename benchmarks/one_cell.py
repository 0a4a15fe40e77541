"""Cells that are played one after the other: each by one process, against each by as many as there are cores, launched.

The embedded policy is measured in one environment. `ratio` is the wall time of the one process over that of those that
are launched, everything included: each imports torch, builds the environment and loads the model. On a machine that
does other work, too, it says little. `equal` counts the trajectories that are the same to the last digit of every
logprob, `texts` those that say the same, `successes` those that end the same: who is in a batch decides the last digits
of its sums, and a token may turn on them. The last line printed is one JSON object.

    python benchmarks/one_cell.py [TASKS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rftcore.executors.child import ONE_THREAD
from rftcore.executors.machine import cores
from rftcore.records import read_groups
from rftcore.schemas.trajectory import Trajectory

TASKS = 64
"""Of each cell, with 4 samples."""
LAUNCH = ("torch.distributed.run", "--standalone", "--nproc-per-node")


def played(root: Path, tasks: int, launch: list[str]) -> tuple[float, dict[str, list[Trajectory]]]:
    """Return the wall time of the evaluation in seconds, and the trajectories of each of its cells."""
    line = ["rftcore.cli", "evaluate", "rftcore/tiny", "--environment", "textcraft", "--runs", str(root)]
    settings = ["name=it", f"evaluation.tasks={tasks}", "evaluation.samples=4", "references=[]", "device=cpu"]
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", *launch, *line, *settings],
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    seconds = time.perf_counter() - began
    cells = sorted((root / "it" / "cells").glob("*.jsonl"))
    return seconds, {file.name: [t for group in read_groups(file) for t in group.trajectories] for file in cells}


def main() -> None:
    """Play with one process and with several, and print the ratio and how equal the trajectories are."""
    tasks, processes = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS, cores()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as root:
        alone, own = played(Path(root) / "alone", tasks, [])
        together, shared = played(Path(root) / "together", tasks, [*LAUNCH, str(processes), "-m"])
    pairs = [pair for name, cell in own.items() for pair in zip(cell, shared[name], strict=True)]
    line = {
        "benchmark": "one_cell",
        "ratio": round(alone / together, 2),
        "detail": {
            "time": "wall",
            "seconds": {"alone": round(alone, 1), "launched": round(together, 1)},
            "processes": processes,
            "cells": len(own),
            "trajectories": len(pairs),
            "equal": sum(one == other for one, other in pairs),
            "texts": sum([t.text for t in one.turns] == [t.text for t in other.turns] for one, other in pairs),
            "successes": sum(one.success == other.success for one, other in pairs),
            "load_before": round(load, 2),
        },
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
