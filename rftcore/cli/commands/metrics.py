"""`rftcore metrics`: the figures of every cell again, from the stored trajectories. Needs neither model nor torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rftcore.cli.running import RUNS, Runs
from rftcore.cli.terminal import console, emit, table

if TYPE_CHECKING:
    from rftcore.records import RunFolder


def metrics(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, its folder, or the start of its id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
    runs: Runs = RUNS,
) -> None:
    """Compute the metrics of every evaluated cell from its stored trajectories.

    No model is needed, and a run that is not finished has the cells that it has.

    Examples:

        rftcore metrics demo
        rftcore metrics demo --json | jq '.cells[] | select(.train == "base")'
    """
    from rftcore.records import find_run

    found = _measure(find_run(run, runs))
    if as_json:
        emit(found)
        return
    names = list(dict.fromkeys(name for cell in found["cells"] for name in cell["scores"]))
    rows = [
        (
            cell["train"],
            f"{cell['environment']}:{cell['difficulty']}",
            *(f"{cell['scores'][name]:.3f}" if name in cell["scores"] else "-" for name in names),
        )
        for cell in found["cells"]
    ]
    table(("checkpoint", "place", *names), rows)
    if found["missing"]:
        console().print(f"\n{found['missing']} cells are not evaluated yet; `rftcore resume` goes on")


def _measure(folder: RunFolder) -> dict[str, Any]:
    from rftcore.blueprint import load_record
    from rftcore.scoring import measure

    config, plan = load_record(folder)
    there = [cell for cell in plan.cells if folder.cell(cell.key).is_file()]
    cells = [
        {
            "train": cell.train,
            "environment": cell.environment,
            "difficulty": cell.difficulty,
            "scores": measure(config, folder.groups(cell.key)),
        }
        for cell in there
    ]
    return {"run": folder.record()["id"], "cells": cells, "missing": len(plan.cells) - len(there)}
