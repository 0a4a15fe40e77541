"""`rftcore export`: a checkpoint of a run as a folder that transformers and peft load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rftcore.cli.running import RUNS, Runs
from rftcore.cli.terminal import console


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, its folder, or the start of its id.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write; it must not be there yet.")],
    checkpoint: Annotated[
        str | None, typer.Option(help="Which checkpoint, such as textcraft:easy; default: the last.")
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Add a LoRA adapter to the weights: one whole model.")] = False,
    runs: Runs = RUNS,
) -> None:
    """Write a checkpoint as an ordinary Hugging Face folder, with its tokenizer and chat template.

    A run with LoRA gives an adapter, for peft; with --merge, a whole model, for whatever loads models.

    Examples:

        rftcore export demo --out my-model
        rftcore export demo --checkpoint textcraft:easy --merge --out my-model
    """
    from rftcore.export import export as write
    from rftcore.records import find_run

    console().print(str(write(find_run(run, runs), out, checkpoint=checkpoint, merge=merge)), soft_wrap=True)
