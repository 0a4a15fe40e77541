"""The commands, gathered. Their modules import typer only; what a command works with, it imports when it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from rftcore.cli.commands.fidelity import fidelity
from rftcore.cli.commands.info import info
from rftcore.cli.commands.play import play
from rftcore.cli.commands.plugins import plugins

app = typer.Typer(
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        import rftcore

        typer.echo(f"rftcore {rftcore.__version__}")
        raise typer.Exit


@app.callback()
def rftcore(
    plugin: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Load a plugin that is not packaged, such as ./my_env.py. May be repeated."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Reinforcement fine-tuning of LLM agents, and an honest answer to whether what they learned generalizes.

    Every command has -h, with examples.

    Start here:

        rftcore plugins                     what is installed
        rftcore play textcraft              play an environment yourself
        rftcore play textcraft --oracle     watch its expert
        rftcore info grpo                   every option of an algorithm
    """
    if debug:
        os.environ["RFTCORE_DEBUG"] = "1"
    if plugin:
        from rftcore.plugins import load_file

        for file in plugin:
            load_file(file)


LOOK = "Look around"
for command in (plugins, info, play, fidelity):
    app.command(rich_help_panel=LOOK)(command)
