"""`rftcore runs`: which runs there are, and how far each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rftcore.cli.running import RUNS, Runs
from rftcore.cli.terminal import console, emit, table

if TYPE_CHECKING:
    from rftcore.records import RunFolder


def runs(
    root: Runs = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """List the runs: done, running, or partial with so many of its jobs done.

    Examples:

        rftcore runs
        rftcore runs --runs elsewhere
        rftcore runs --json
    """
    from rftcore.records import all_runs

    rows = [_row(folder) for folder in all_runs(root)]
    if as_json:
        emit({"runs": rows})
    elif rows:
        lines = [
            (row["name"], row["id"][:12], row["kind"], row["state"], f"{row['done']} of {row['total']}") for row in rows
        ]
        table(("name", "id", "kind", "state", "jobs done"), lines)
        for row in rows:
            if row["problem"]:
                console().print(f"\n{row['name']}: {row['problem']}", style="yellow")
    else:
        console().print(f"no runs in {root}; `rftcore train --help` shows how to make one")


def _row(folder: RunFolder) -> dict[str, Any]:
    from rftcore.blueprint import load_record
    from rftcore.errors import RftError
    from rftcore.study import finished

    row = {"name": folder.path.name, "path": str(folder.path), "id": "", "kind": ""}
    try:
        record = folder.record()
        row |= {"id": str(record["id"]), "kind": str(record["kind"])}
        _, plan = load_record(folder)
    except RftError as error:  # damaged, or made by another version
        return {**row, "state": "unreadable", "done": 0, "total": 0, "problem": str(error)}
    done, total = len(finished(folder, plan)), len(plan.stages) + len(plan.cells)
    complete = done == total and (folder.path / "report.json").is_file()
    state = "running" if folder.locked else "done" if complete else "partial"
    return {**row, "state": state, "done": done, "total": total, "problem": None}
