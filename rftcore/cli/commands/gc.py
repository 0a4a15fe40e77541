"""`rftcore gc`: give back the room of old checkpoints, and of what killed processes left."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from rftcore.cli.running import RUNS, Runs
from rftcore.cli.terminal import console, table


def gc(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Runs; default: every run in --runs.")
    ] = None,
    results: Annotated[
        bool, typer.Option("--results", help="The checkpoints at the end of every line of training, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    runs: Runs = RUNS,
) -> None:
    """List the checkpoints and files that nothing needs any more, with their size, ask, and remove them.

    What is left to do, every report, other runs and adapters keep what they need. A checkpoint that has gone can be
    made again only by training again.

    Examples:

        rftcore gc
        rftcore gc demo --results
        rftcore gc demo other --yes
    """
    from rftcore.errors import RftError
    from rftcore.garbage import garbage, graves, remove
    from rftcore.records import all_runs, find_run
    from rftcore.report.figures import size

    out = console()
    found = [] if names else graves(runs)
    with ExitStack() as held:
        for folder in [find_run(name, runs) for name in names] if names else list(all_runs(runs)):
            try:
                held.enter_context(folder.lock())
                found += garbage(folder, results=results)
            except RftError as error:
                out.print(f"{folder.path.name} is left alone: {error}", style="yellow")
        if not found:
            out.print("nothing to remove")
            return
        table(("size", "what", "why"), [(size(item.bytes), str(item.path), item.reason) for item in found])
        total = size(sum(item.bytes for item in found))
        if not (yes or typer.confirm(f"\nRemove these {len(found)}, {total}?")):
            raise typer.Exit(1)
        remove(found)
    out.print(f"{total} removed")
