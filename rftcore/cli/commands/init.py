"""`rftcore init`: a file to begin with, in which every key of an experiment is explained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rftcore.cli.terminal import console


def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path("experiment.yaml"),
    on: Annotated[
        str | None,
        typer.Option("--train", metavar="EXPR", help="What to train on; default: the first installed environment."),
    ] = None,
) -> None:
    """Write an experiment file with every key, its meaning and its default.

    All but what to train is commented out. A file that is there is overwritten only after a yes.

    Examples:

        rftcore init --train textcraft:easy
        rftcore init both.yaml --train "textcraft>babyai"
    """
    from rftcore.starter import starter

    text = starter(on or _first(), str(file))
    if file.exists():
        typer.confirm(f"{file} is there already. Overwrite it?", abort=True, err=True)
    file.write_text(text, encoding="utf-8")
    console().print(f"{file} is written; this line tells what it would do:\n\n  rftcore train {file} --dry-run")


def _first() -> str:
    from rftcore import registry
    from rftcore.errors import ConfigError

    specs: dict[str, Any] = {name: registry.spec("environment", name) for name in registry.names("environment")}
    names = [name for name, spec in specs.items() if not spec.bridge]
    if not names:
        raise ConfigError("no environment is installed to train on; install one: pip install rftcore-textcraft")
    return names[0]
