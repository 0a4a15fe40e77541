"""Figures from stored trajectories: no model, no environment, no torch.

    python examples/05_metrics_from_files.py [RUN]

Everything that a report states was computed from `cells/*.jsonl` in the run folder. Without a run to read, this plays
one whose policies need no model, and then computes a figure of its own: how often the first action was not valid.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from statistics import fmean

from rftcore import records, registry
from rftcore.rollout import PolicyActor, collect
from rftcore_generalization.metric import Generalization


def play(folder: Path) -> None:
    """Write the trajectories of the random policy and of the expert, as a study does for its references."""
    world = registry.create("environment", "textcraft", {"max_turns": 8})
    for name in ("random", "oracle"):
        actor = PolicyActor(registry.create("policy", name))
        groups = asyncio.run(collect({"textcraft": world}, actor, world.tasks("test", "easy")[:20], 4, seed=0))
        records.write_groups(folder / f"{name}.jsonl", groups)


if len(sys.argv) > 1:
    cells = records.find_run(sys.argv[1]).path / "cells"
else:
    cells = Path("runs/played/cells")
    play(cells)

for file in sorted(cells.glob("*.jsonl")):
    groups = records.read_groups(file)
    figures = Generalization().measure(groups)
    played = [trajectory for group in groups for trajectory in group.usable if trajectory.turns]
    first = fmean(not trajectory.turns[0].valid for trajectory in played)
    print(f"{file.name}: avg@k {figures['avg_at_k']:.2f}, turns {figures['turns']:.1f}, first invalid {first:.2f}")
