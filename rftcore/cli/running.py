"""What the commands that run something have in common: arguments, what is seen meanwhile, and the tables at the end.

A run that is stopped, by Ctrl-C or by an error, always says how it goes on.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rftcore import launch
from rftcore.cli import bug, machine
from rftcore.errors import RftError, RunError

if TYPE_CHECKING:
    from rich.console import Console

    from rftcore.executor import Tell
    from rftcore.records import RunFolder
    from rftcore.schemas.config import Component, Settings
    from rftcore.schemas.report import Report

RUNS = Path("runs")

Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of the runs.")]
Name = Annotated[str | None, typer.Option("--name", help="Name of the run: its folder in --runs.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Delete an earlier run of this name first.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and what it costs; do nothing.")]
Probe = Annotated[bool, typer.Option("--probe", help="As --dry-run, after measuring for about 30 s with the model.")]
Tflops = Annotated[
    float | None,
    typer.Option("--tflops", min=1e-6, help="What one job sustains, for the time that --dry-run estimates."),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, metavar="N", help="Jobs side by side, each in a process of its own.")
]


def split(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return the configuration's file, if the first argument is one, and the overrides."""
    if arguments and ("=" not in arguments[0] or Path(arguments[0]).is_file()):
        return Path(arguments[0]), list(arguments[1:])
    return None, list(arguments)


def configured(
    kind: type[Settings], source: Path | dict[str, Any], overrides: Sequence[str], name: str | None, jobs: int | None
) -> Settings:
    """Return the configuration that a command line asks for. Raises ConfigError as `compose` does."""
    from rftcore.blueprint import settings

    named = [f"name={json.dumps(name)}"] if name is not None else []
    config = settings(kind, source, [*overrides, *named])
    executor = side_by_side(jobs)
    return config if executor is None else config.model_copy(update={"executor": executor})


def side_by_side(jobs: int | None) -> Component | None:
    """Return the executor that `--jobs` asks for."""
    from rftcore.schemas.config import Component

    return None if jobs is None else Component(name="processes", options={"workers": jobs})


def work(folder: RunFolder, executor: Component | None = None) -> Report:
    """Do what is left of a run, with a live view on the standard error stream, or lines where that is no terminal.

    Ctrl-C stops the jobs and exits with code 130; it and every error leave the line that resumes. One that nobody
    raised on purpose, a bug here or in a plugin, is a RunError with that line, below the traceback of what failed.
    """
    from rich.console import Console

    from rftcore.display.terminal import shown_on
    from rftcore.study import run_folder

    if launch.rank():  # the first of several processes says what there is to say
        run_folder(folder, executor=executor)
        raise typer.Exit
    display = shown_on(Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 200))
    try:
        return run_folder(folder, display=display, executor=executor)
    except KeyboardInterrupt:
        typer.echo(f"\nStopped. What was complete is saved. This line goes on:\n\n  {resuming(folder)}", err=True)
        raise typer.Exit(130) from None
    except Exception as error:
        kind = type(error) if isinstance(error, RftError) else RunError
        raise kind(
            f"{_reason(error, told=error is display.told)}\nWhat was complete is saved. When that is mended, "
            f"this line goes on:\n\n  {resuming(folder)}"
        ) from error


def _reason(error: Exception, *, told: bool) -> str:
    """Return why a run stopped; of what was `told` on purpose no more than that."""
    if isinstance(error, RftError):
        return "the run stopped for the reason above" if told else str(error)
    return machine(error) if isinstance(error, OSError) else bug(error)


@contextmanager
def one_job(label: str, place: Path, kept: str) -> Iterator[Tell]:
    """Show one piece of work that is no run, and yield what it reports to.

    Ctrl-C exits with code 130, and says that what is `kept` is, and the line that goes on: without `--fresh`, which
    would delete it.
    """
    from rich.console import Console

    from rftcore.display.terminal import shown_on
    from rftcore.executor import Job, Progress

    job = Job(id="only", target="", payload={}, label=label)
    with shown_on(Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 200)) as display:
        display.run(place, [])
        display.plan([job], 1)
        try:
            yield lambda done, total, remark: display.progress(Progress(job.id, done, total, remark))
        except KeyboardInterrupt:
            line = shlex.join(argument for argument in sys.argv[1:] if argument != "--fresh")
            typer.echo(f"\nStopped. {kept} is kept. This line goes on:\n\n  rftcore {line}", err=True)
            raise typer.Exit(130) from None
        display.finished(job.id)


def resuming(folder: RunFolder) -> str:
    """Return the command that resumes a run."""
    return line_of("resume", folder)


def line_of(command: str, folder: RunFolder) -> str:
    """Return the line that calls a command for a run."""
    where = [] if folder.path.parent == RUNS else ["--runs", str(folder.path.parent)]
    return shlex.join(["rftcore", command, folder.path.name, *where])


def show(report: Report, folder: RunFolder) -> None:
    """Print the tables, and where the files are."""
    from rftcore.report.tables import print_tables

    out = paper()
    print_tables(report, out)
    out.print()
    for name in ("report.html", "report.json"):
        out.print(str(folder.path / name), soft_wrap=True)


def paper() -> Console:
    """Return a console for tables; outside a terminal it is 100 characters wide."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 100, highlight=False, markup=False, emoji=False)
