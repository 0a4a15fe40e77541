"""`rftcore init`: a file to begin with, in which every key of an experiment is explained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rftcore.cli.terminal import console
from rftcore.errors import ConfigError


def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path("experiment.yaml"),
    on: Annotated[
        str | None,
        typer.Option("--train", metavar="EXPR", help="What to train on; default: the first installed environment."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Overwrite a file that is there, and do not ask.")] = False,
) -> None:
    """Write an experiment file with every key, its meaning and its default.

    All but what to train is commented out. A file that is there is overwritten only after a yes, or with --fresh.

    Examples:

        rftcore init --train textcraft:easy
        rftcore init both.yaml --train "textcraft>babyai"
    """
    from rftcore.starter import starter

    text = starter(on or _first(), str(file))
    if file.exists() and not fresh:
        _ask(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise ConfigError(
            f"FILE: {str(file)!r} cannot be written ({error}); expected a file, in folders that are there or are made"
        ) from error
    console().print(f"{file} is written; this line tells what it would do:\n\n  rftcore train {file} --dry-run")


def _ask(file: Path) -> None:
    """Ask whether to overwrite a file. Raises Abort after a no, and ConfigError where nobody answers."""
    try:
        agreed = typer.confirm(f"{file} is there already. Overwrite it?", err=True)
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        typer.echo(err=True)
        raise ConfigError(
            f"{str(file)!r} is there already, and nobody answered; name another file, or overwrite it: --fresh"
        ) from None
    if not agreed:
        raise typer.Abort


def _first() -> str:
    from rftcore import registry

    specs: dict[str, Any] = {name: registry.spec("environment", name) for name in registry.names("environment")}
    names = [name for name, spec in specs.items() if not spec.bridge]
    if not names:
        raise ConfigError("no environment is installed to train on; install one: pip install rftcore-textcraft")
    return names[0]
