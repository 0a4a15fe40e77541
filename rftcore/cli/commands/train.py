"""`rftcore train`: one line of training, evaluated before, between and after its stages."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from rftcore.cli.planned import tell
from rftcore.cli.running import RUNS, DryRun, Fresh, Jobs, Name, Probe, Runs, Tflops, configured, show, split, work
from rftcore.errors import ConfigError


def train(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[CONFIG.yaml] [KEY=VALUE]...", help="Configuration, and overrides.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--train", metavar="EXPR", help="What to train on, such as textcraft:easy>babyai.")
    ] = None,
    name: Name = None,
    fresh: Fresh = False,
    dry_run: DryRun = False,
    probe: Probe = False,
    tflops: Tflops = None,
    jobs: Jobs = None,
    runs: Runs = RUNS,
) -> None:
    """Train an agent, evaluate every checkpoint on the same test tasks, and report.

    EXPR names environments or difficulties: a>b trains on one after the other, a+b on a mixture.
    The same command again goes on where it stopped; what is done is not done again.

    Examples:

        rftcore train --train textcraft:easy
        rftcore train --train textcraft:easy --dry-run
        rftcore train --train textcraft:easy --probe
        rftcore train --train "textcraft:easy>textcraft:hard" --name steps training.updates=20
        rftcore train --train babyai model=Qwen/Qwen2.5-0.5B-Instruct learner.learning_rate=1e-5
        rftcore train experiment.yaml algorithm.kl=0.01 --fresh
        rftcore train experiment.yaml --jobs 2
    """
    from rftcore.records import RunFolder
    from rftcore.schemas.config import ExperimentConfig
    from rftcore.study import Experiment

    config, overrides = split(arguments or [])
    if on is not None:
        overrides.append(f"train={json.dumps(on)}")
    elif config is None and not any(item.partition("=")[0].startswith("train") for item in overrides):
        raise ConfigError("found nothing to train on, expected a configuration or, for example: --train textcraft:easy")
    experiment = Experiment(configured(ExperimentConfig, config or {}, overrides, name, jobs))
    if dry_run or probe:
        tell(experiment, RunFolder(runs / experiment.config.name), tflops, probed=probe, fresh=fresh)
        return
    folder = experiment.create(runs, fresh=fresh)
    show(work(folder), folder)
