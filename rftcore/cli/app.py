"""The commands, gathered. Their modules import typer only; what a command works with, it imports when it runs."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from rftcore.cli.commands.calibrate import calibrate
from rftcore.cli.commands.check import check
from rftcore.cli.commands.compare import compare
from rftcore.cli.commands.evaluate import evaluate
from rftcore.cli.commands.export import export
from rftcore.cli.commands.fidelity import fidelity
from rftcore.cli.commands.gc import gc
from rftcore.cli.commands.info import info
from rftcore.cli.commands.init import init
from rftcore.cli.commands.judge import judge
from rftcore.cli.commands.metrics import metrics
from rftcore.cli.commands.new import new
from rftcore.cli.commands.play import play
from rftcore.cli.commands.plugins import plugins
from rftcore.cli.commands.report import report
from rftcore.cli.commands.resume import resume
from rftcore.cli.commands.runs import runs
from rftcore.cli.commands.serve import serve
from rftcore.cli.commands.study import study
from rftcore.cli.commands.train import train
from rftcore.cli.commands.verify import verify
from rftcore.cli.commands.watch import watch

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
        rftcore train --train textcraft     train an agent and evaluate it
        rftcore study study.yaml            the generalization report
    """
    if debug:
        os.environ["RFTCORE_DEBUG"] = "1"
    if plugin:
        from rftcore.plugins import load_file

        for file in plugin:
            load_file(file)


def flowing(text: str) -> str:
    """Return a docstring without the line breaks of its sentences, as help has a width of its own; examples stay."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if "    " in each else each.replace("\n", " ") for each in paragraphs)


PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Look around": (plugins, info, play, check, fidelity, serve),
    "Run": (init, train, study, evaluate, calibrate, resume),
    "Read runs": (runs, watch, report, verify, compare, metrics, judge, export, gc),
    "Extend": (new,),
}
for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel, help=flowing(command.__doc__ or ""))(command)
