"""`rftcore export`: what others can use of a run: a checkpoint as a folder that transformers loads, or trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rftcore.cli.running import RUNS, Runs
from rftcore.cli.terminal import console
from rftcore.errors import ConfigError

if TYPE_CHECKING:
    from rftcore.schemas.task import Split


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, its folder, or the start of its id.")],
    out: Annotated[Path, typer.Option(metavar="PATH", help="What to write; it must not be there yet.")],
    checkpoint: Annotated[
        str | None,
        typer.Option(help="Which checkpoint, such as textcraft:easy; default: the last. Of trajectories: whose."),
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Add a LoRA adapter to the weights: one whole model.")] = False,
    trajectories: Annotated[
        str | None,
        typer.Option(metavar="SPLIT", help="Conversations instead: train, what it learned from, or test, evaluations."),
    ] = None,
    successful: Annotated[bool, typer.Option("--successful", help="Only episodes that succeeded.")] = False,
    runs: Runs = RUNS,
) -> None:
    """Write a checkpoint as an ordinary Hugging Face folder, or trajectories as conversations.

    A checkpoint comes with its tokenizer and chat template. A run with LoRA gives an adapter, for peft; with --merge,
    a whole model, for whatever loads models. Trajectories become JSON Lines in the messages format of supervised
    fine-tuning, or Parquet, by the ending of the file; a run keeps those of training with training.record=true.

    Examples:

        rftcore export demo --out my-model
        rftcore export demo --checkpoint textcraft:easy --merge --out my-model
        rftcore export demo --trajectories train --successful --out sft.jsonl
        rftcore export demo --trajectories test --checkpoint base --out base.parquet
    """
    from rftcore.records import find_run

    folder = find_run(run, runs)
    if trajectories is None:
        from rftcore.export import export as write

        if successful:
            raise ConfigError("--successful: found it for a checkpoint, expected it with --trajectories only")
        console().print(str(write(folder, out, checkpoint=checkpoint, merge=merge)), soft_wrap=True)
        return
    from rftcore.transcripts import export_trajectories

    if merge:
        raise ConfigError("--merge: found it for trajectories, expected it for a checkpoint only")
    split = cast("Split", trajectories)
    written = export_trajectories(folder, out, split, player=checkpoint, successful=successful)
    console().print(f"{written:,} conversations in {out}", soft_wrap=True)
