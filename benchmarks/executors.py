"""A study of independent cells, side by side against one after the other: the same cells with each executor.

The embedded policy is measured in five environments, at each of their difficulties. A ratio is the wall time with
`inline` over that with the executor, everything included: the start of its workers, and what each imports and builds of
an environment. On a machine that does other work, too, it says little. All reports have to be equal, but for times. The
last line printed is one JSON object.

    python benchmarks/executors.py [TASKS]
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rftcore.executors.machine import cores
from rftcore.study import Evaluation

ENVIRONMENTS = ("textcraft", "babyai", "alfworld", "webshop", "searchqa")
TASKS = 48
"""Of each cell; inline takes minutes, so that what starts in seconds is a small part."""
SIDES = ("inline", "processes", "ray")
COMPARE = Path(__file__).parents[1] / "tests" / "compare_reports.py"


def measured(name: str, tasks: int, workers: int) -> tuple[float, dict[str, Any]]:
    """Return the wall time of the study with an executor, in seconds, and its report."""
    with tempfile.TemporaryDirectory() as root:
        study = Evaluation(
            {
                "name": "cells",
                "environments": {environment: {} for environment in ENVIRONMENTS},
                "evaluation": {"tasks": tasks, "samples": 4},
                "device": "cpu",
                "references": [],
                "executor": {"name": name} if name == "inline" else {"name": name, "workers": workers},
            }
        )
        began = time.perf_counter()
        study.run(root)
        seconds = time.perf_counter() - began
        return seconds, json.loads((Path(root) / "cells" / "report.json").read_text(encoding="utf-8"))


def main() -> None:
    """Run the study with each executor and print the ratios."""
    tasks, workers = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS, cores()
    sides = [name for name in SIDES if name != "ray" or find_spec("rftcore_ray")]
    load = os.getloadavg()[0]
    taken = {name: measured(name, tasks, workers) for name in sides}
    differences = runpy.run_path(str(COMPARE))["differences"]
    for name, (_, report) in taken.items():
        if found := list(differences(taken["inline"][1], report)):
            raise SystemExit(f"with {name} the report is another one: " + "; ".join(found))
    seconds = {name: wall for name, (wall, _) in taken.items()}
    line = {
        "benchmark": "executors",
        "ratios": {name: round(seconds["inline"] / seconds[name], 2) for name in sides if name != "inline"},
        "detail": {
            "time": "wall",
            "seconds": {name: round(wall, 1) for name, wall in seconds.items()},
            "workers": workers,
            "cells": len(taken["inline"][1]["accounts"]),
            "tasks": tasks,
            "load_before": round(load, 2),
        },
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
