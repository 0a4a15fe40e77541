"""`rftcore watch`: look at a run that another process works on."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rftcore.cli.running import RUNS, Runs, line_of, resuming


def watch(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, its folder, or the start of its id.")],
    runs: Runs = RUNS,
) -> None:
    """Show a run that another process works on, as that one shows it, from its folder, which may be one to read only.

    It ends when nobody works on the run any more. Ctrl-C ends the watching, and not the run.

    Examples:

        rftcore watch demo
        rftcore watch demo --runs /shared/runs
    """
    from rich.console import Console

    from rftcore.display import watch as watching
    from rftcore.records import find_run

    folder = find_run(run, runs)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    try:
        watching.watch(folder.path, console, lambda: folder.locked)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if (folder.path / "report.json").is_file():
        typer.echo(f"Nobody works on it. Its report:\n\n  {line_of('report', folder)}")
    else:
        typer.echo(f"Nobody works on it. This line goes on:\n\n  {resuming(folder)}")
