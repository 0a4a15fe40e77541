"""`rftcore resume`: go on with a run that was stopped, from what its folder holds."""

from __future__ import annotations

from typing import Annotated

import typer

from rftcore.cli.running import RUNS, Jobs, Runs, show, side_by_side, work


def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, its folder, or the start of its id.")],
    jobs: Jobs = None,
    runs: Runs = RUNS,
) -> None:
    """Go on with a run. What is done stays; a stage goes on from its newest checkpoint.

    The numbers are those of a run that was never stopped. A finished run gets its report again.

    Examples:

        rftcore resume demo
        rftcore resume 3fa94b1c
        rftcore resume demo --jobs 4
    """
    from rftcore.blueprint import load_record
    from rftcore.records import find_run

    folder = find_run(run, runs)
    load_record(folder)  # without one there is nothing that `work` could advise
    show(work(folder, side_by_side(jobs)), folder)
