"""Brings chaos to a study, and checks that it ends with the numbers of one that nothing happened to.

    PYTHONPATH=scripts python -m chaos --kills 30 --seed 0

runs it with worker processes, on Ray, and on two sampler servers, each undisturbed at first; then kills the driver, its
workers, Ray's actors, the sampler servers and the environment server at moments that follow from the seed; fills the
disk, truncates a checkpoint, and lets the clock jump. At last environments hang or crash in a tenth of their episodes.
It prints what it did and what it found, and exits with code 1 when anything is not as it should be.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chaos.disturbed import Disturbance, Findings, differences, shuffled
from chaos.faulty import faulty
from chaos.victims import kill
from chaos.world import World

KINDS = ("driver", "worker", "Ray actor", "sampler server", "environment server")
"""What is killed, each as often as the others."""
PARTS = {
    "processes": ("driver", "worker", "environment server"),
    "Ray": ("driver", "Ray actor", "environment server"),
    "sampler servers": ("driver", "worker", "sampler server"),
}
"""What is killed in which part; what is in several, in each of them."""
ONCE = ("full disk", "truncated checkpoint", "clock")
"""What happens once, to worker processes."""
SETTINGS: dict[str, dict[str, Any]] = {
    "processes": {},
    "Ray": {"executor": {"name": "ray", "workers": 2}},
    "sampler servers": {
        "executor": {"name": "processes", "workers": 1},
        "sampler": {"name": "vllm-server", "replicas": 2, "timeout": 120, "start_timeout": 120},
    },
}


def main() -> int:
    """Do as the command line says; return the exit code."""
    options = argparse.ArgumentParser(prog="chaos", description=str(__doc__).partition("\n")[0])
    options.add_argument("--kills", type=int, default=30, help="processes that are killed (30)")
    options.add_argument("--seed", type=int, default=0, help="of kinds and moments (0)")
    options.add_argument("--updates", type=int, default=8, help="updates of a stage (8)")
    options.add_argument("--longest", type=float, help="most seconds between two of them (half the undisturbed run)")
    options.add_argument("--only", choices=tuple(PARTS), help="one part, with its share of the kills")
    chosen = options.parse_args()
    console = Console(highlight=False)
    began = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever stops it, nothing is left behind
    left: dict[int, str] = {}
    with tempfile.TemporaryDirectory(prefix="rftcore-chaos-") as folder:
        world = World(Path(folder), updates=chosen.updates)
        try:
            parts = _bring(world, chosen, console)
        finally:
            world.close()
            left |= world.left_over()
            for process in left:
                kill(process)
    problems = [problem for found in parts.values() for problem in found.problems]
    problems += [f"process {number} is left over: {command}" for number, command in left.items()]
    _print(parts, console)
    console.print(f"{time.monotonic() - began:.0f} s, {len(left)} processes left over, {len(problems)} problems")
    for problem in problems:
        console.print(f"- {problem}", style="red", markup=False)
    return 1 if problems else 0


def shares(kills: int) -> dict[str, Counter[str]]:
    """Deal kills out: to each kind as many, and those of a kind to its parts in turn."""
    dealt: dict[str, Counter[str]] = {part: Counter() for part in PARTS}
    for number in range(kills):
        kind = KINDS[number % len(KINDS)]
        part = min((part for part in PARTS if kind in PARTS[part]), key=lambda part: dealt[part][kind])
        dealt[part][kind] += 1
    return dealt


def _bring(world: World, chosen: argparse.Namespace, console: Console) -> dict[str, Findings]:
    """Run the study undisturbed and disturbed in each of its parts, and then in an environment that fails."""
    dealt = shares(chosen.kills)
    dealt["processes"].update(ONCE)
    parts = [chosen.only] if chosen.only else list(PARTS)
    found: dict[str, Findings] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        row = bars.add_task("", total=sum(dealt[part].total() for part in parts))
        for part in parts:
            bars.update(row, description=f"{part}: undisturbed")
            study, name = world.study(**SETTINGS[part]), part.replace(" ", "-")
            began = time.monotonic()
            if code := world.driver(study, name).wait(timeout=900):
                raise RuntimeError(f"the undisturbed run {name} ended with {code}: {world.said(name)}")
            found[part] = Disturbance(
                world,
                study,
                shuffled(dealt[part], chosen.seed),
                chosen.seed,
                longest=chosen.longest or (time.monotonic() - began) / 2,
                told=lambda kind, part=part: bars.update(row, description=f"{part}: {kind}", advance=1),
            ).run(name, f"{name}-disturbed")
        if {"processes", "Ray"} <= found.keys():
            others = differences(world.report("processes"), world.report("Ray"))
            found["Ray"].problems += [f"undisturbed with processes and on Ray: {difference}" for difference in others]
        if not chosen.only:
            bars.update(row, description="failing environment")
            found["failing environment"] = faulty(world, "processes")
    return found


def _print(parts: dict[str, Findings], console: Console) -> None:
    table = Table("part", "what was done", "times", "runs compared", "drivers started", "problems")
    for name, found in parts.items():
        for number, (kind, times) in enumerate(sorted(found.done.items())):
            about = (str(found.runs), str(found.sessions), str(len(found.problems))) if not number else ("", "", "")
            table.add_row(name if not number else "", kind, str(times), *about)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
