"""Brings chaos to a study, and checks that it ends with the numbers of one that nothing happened to.

    PYTHONPATH=scripts python -m chaos --kills 30 --seed 0

kills the driver, its workers and the environment server at moments that follow from the seed; fills the disk, truncates
a checkpoint, and lets the clock jump. Then environments hang or crash in a tenth of their episodes. It prints what it
did and what it found, and exits with code 1 when anything is not as it should be.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chaos.disturbed import KINDS, Disturbance, Findings, shuffled
from chaos.faulty import faulty
from chaos.world import World, kill

ONCE = ("full disk", "truncated checkpoint", "clock")


def main() -> int:
    """Do as the command line says; return the exit code."""
    options = argparse.ArgumentParser(prog="chaos", description=str(__doc__).partition("\n")[0])
    options.add_argument("--kills", type=int, default=30, help="processes that are killed (30)")
    options.add_argument("--seed", type=int, default=0, help="of kinds and moments (0)")
    options.add_argument("--updates", type=int, default=8, help="updates of a stage (8)")
    options.add_argument("--longest", type=float, help="most seconds between two of them (half the undisturbed run)")
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


def _bring(world: World, chosen: argparse.Namespace, console: Console) -> dict[str, Findings]:
    """Run the study undisturbed, disturbed, and in an environment that fails."""
    counts = {kind: chosen.kills // len(KINDS) + (n < chosen.kills % len(KINDS)) for n, kind in enumerate(KINDS)}
    kinds = shuffled({**counts, **dict.fromkeys(ONCE, 1)}, chosen.seed)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        row = bars.add_task("undisturbed", total=len(kinds))
        study, began = world.study(), time.monotonic()
        if code := world.driver(study, "undisturbed").wait(timeout=900):
            raise RuntimeError(f"the undisturbed run ended with {code}: {world.said('undisturbed')}")
        done = Disturbance(
            world,
            study,
            kinds,
            chosen.seed,
            longest=chosen.longest or (time.monotonic() - began) / 2,
            told=lambda kind: bars.update(row, description=kind, advance=1),
        ).run("undisturbed", "disturbed")
        bars.update(row, description="failing environment")
        return {"disturbed": done, "failing environment": faulty(world, "undisturbed")}


def _print(parts: dict[str, Findings], console: Console) -> None:
    table = Table("part", "what was done", "times", "runs compared", "drivers started", "problems")
    for name, found in parts.items():
        for number, (kind, times) in enumerate(sorted(found.done.items())):
            about = (str(found.runs), str(found.sessions), str(len(found.problems))) if not number else ("", "", "")
            table.add_row(name if not number else "", kind, str(times), *about)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
