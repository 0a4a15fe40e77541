"""`rftcore verify`: whether a run folder is what was written, and its report what it gives."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from rftcore.cli.running import RUNS, Runs
from rftcore.cli.terminal import console, emit


def verify(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, its folder, or the start of its id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
    runs: Runs = RUNS,
) -> None:
    """Read every record and checkpoint of a finished run with its checksum, and make its report again to compare.

    Nothing is written. The exit code is 1 when something is damaged or missing, or the report is not what the records
    give. A run without a report, or of a later version of rftcore, cannot be verified.

    Examples:

        rftcore verify demo
        rftcore verify demo --json
    """
    from rftcore.records import find_run
    from rftcore.verification import verify as look

    found = look(find_run(run, runs))
    if as_json:
        emit({**asdict(found), "sound": found.sound})
    else:
        out = console()
        out.print(f"{found.records} files of records and {found.checkpoints} checkpoints are what was written")
        for text in found.damaged:
            out.print(f"damaged: {text}", style="red")
        if not found.damaged and not found.differences:
            out.print("report.json is what the records give")
        for text in found.differences:
            out.print(f"report.json, and what the records give: {text}", style="red")
        for text in found.remarks:
            out.print(text, style="yellow")
        if found.changed:
            out.print(f"\nThe run could not go on here. {found.changed}", style="yellow")
    if not found.sound:
        raise typer.Exit(1)
