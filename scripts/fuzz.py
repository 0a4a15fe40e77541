"""Fuzzes every installed environment, and each behind another interface: `make fuzz` calls it.

    python scripts/fuzz.py [NAME ...] [--actions 100000] [--seed 0]

Each is played in a process of its own. The exit code is 1 when one raises, hangs, leaks or breaks its contract.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from rftcore import registry
from rftcore.executor import Job, Outcome
from rftcore.executors.processes import Processes
from rftcore.testing.environments.fuzz import fuzz

SHIFTS: dict[str, Any] = {
    "action_list": "first",
    "renamed": True,
    "syntax": "tool",
    "feedback": "dense",
    "distractors": 1,
    "paraphrased": True,
}
"""All at once."""
HANG = 300.0
"""Seconds without an episode after which a process is ended with its traceback."""


def fuzzed(payload: dict[str, Any], progress: Callable[[float, float, str], None]) -> dict[str, Any]:
    """Return what became of one environment: the job of a worker."""
    environment = registry.create("environment", payload["name"], payload["options"])

    def told(done: int) -> None:
        faulthandler.dump_traceback_later(HANG, exit=True)
        progress(done, payload["actions"], "")

    try:
        found = fuzz(environment, payload["actions"], seed=payload["seed"], told=told)
    finally:
        faulthandler.cancel_dump_traceback_later()
    return asdict(found)


def names() -> list[str]:
    """Return the installed environments that play by themselves, and each behind a shift."""
    own = [name for name in registry.names("environment") if not registry.spec("environment", name).bridge]
    return [*own, *(f"shift:{name}" for name in own)]


def line(name: str, outcome: Outcome) -> tuple[str, bool]:
    """Return what is printed of an environment, and whether all was well."""
    if outcome.error is not None:
        return f"{name}: BROKEN\n  * {outcome.error}", False
    found: Any = outcome.value
    held = " to ".join(f"{found[when][1] / 2**20:.0f}" for when in ("before", "after"))
    blocks = found["after"][0] - found["before"][0]
    said = (
        f"{name}: {found['actions']} actions in {found['episodes']} episodes, {found['understood']} understood, "
        f"{found['actions'] / found['seconds']:.0f} actions/s, slowest {found['slowest']:.2f} s, "
        f"memory {held} MiB over the second half ({blocks:+d} blocks)"
    )
    return "\n  * ".join([said, *found["problems"]]), not found["problems"]


def main() -> int:
    """Fuzz what is named, two at a time on two cores."""
    parser = argparse.ArgumentParser(prog="python scripts/fuzz.py", description="Fuzz environments.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as babyai, or shift:babyai; none: all")
    parser.add_argument("--actions", type=int, default=100_000, help="actions for each")
    parser.add_argument("--seed", type=int, default=0, help="of the actions")
    given = parser.parse_args()
    chosen: list[str] = given.names or names()
    executor = Processes()
    bars: dict[str, TaskID] = {}
    good = True
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        for name in chosen:
            shift, _, within = name.rpartition(":")
            options = {"environment": within, **SHIFTS} if shift else {}
            payload = {"name": shift or name, "options": options, "actions": given.actions, "seed": given.seed}
            executor.submit(Job(name, f"{fuzzed.__module__}:fuzzed", payload, name))
        with Progress(*columns) as progress:
            bars = {name: progress.add_task(name, total=given.actions) for name in chosen}
            for _ in chosen:
                outcome = executor.wait(lambda news: progress.update(bars[news.job], completed=news.done))
                said, well = line(outcome.job, outcome)
                progress.console.print(said, markup=False, highlight=False, soft_wrap=True)
                good = good and well
    finally:
        executor.close()
    return 0 if good else 1


if __name__ == "__main__":
    from fuzz import main as run  # workers find the job by this module's name

    sys.exit(run())
