"""How well the embedded policy plays what it was warmed up on: `python -m rftcore_tiny.skill [--model FOLDER]`.

Plays the first train tasks of each environment and difficulty within the turns of its demonstrations, and prints the
share that succeeds. What reinforcement fine-tuning starts from is thus a figure that anyone can measure again.
"""

from __future__ import annotations

import argparse
import asyncio
from statistics import fmean, stdev

from rich.console import Console
from rich.progress import track
from rich.table import Table

from rftcore import registry
from rftcore.rollout import collect
from rftcore.schemas.config import EvaluationConfig, Sampling
from rftcore.train.engine import Engine
from rftcore_tiny import folder
from rftcore_tiny.build import OPTIONS, PARTS

SAMPLES = 4
"""Episodes of each task."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m rftcore_tiny.skill", description=__doc__)
    parser.add_argument("--model", default=str(folder()), help="folder of the model; default: the weights that ship")
    parser.add_argument("--tasks", type=int, default=100, help="tasks of each environment and difficulty, at least 2")
    given = parser.parse_args()
    actor = Engine(EvaluationConfig(sampling=Sampling(max_new_tokens=24)), given.model).actor
    environments = [registry.create("environment", name, OPTIONS.get(name, {})) for name in PARTS]
    table = Table("environment", "difficulty", "tasks", "success", "95 % interval")
    for environment in track(environments, "playing", transient=True):
        for difficulty in environment.difficulties:
            tasks = environment.tasks("train", difficulty)[: given.tasks]
            groups = asyncio.run(collect({environment.name: environment}, actor, tasks, SAMPLES, seed=0))
            rates = [fmean(played.success for played in group.usable) for group in groups if group.usable]
            mean, error = fmean(rates), 1.96 * stdev(rates) / len(rates) ** 0.5
            interval = f"{max(0.0, mean - error):.2f} to {min(1.0, mean + error):.2f}"
            table.add_row(environment.name, difficulty, str(len(rates)), f"{mean:.2f}", interval)
    Console().print(table)


if __name__ == "__main__":
    main()
