"""`rftcore study`: several lines of training that share what they can, measured along the three axes.

`--dry-run` tells what would be done and what it would cost, and `--probe` measures that first; both write nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rftcore.cli.planned import tell
from rftcore.cli.running import RUNS, DryRun, Fresh, Jobs, Name, Probe, Runs, Tflops, configured, show, work


def study(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="The study's configuration.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Overrides of single keys.")
    ] = None,
    name: Name = None,
    fresh: Fresh = False,
    dry_run: DryRun = False,
    probe: Probe = False,
    tflops: Tflops = None,
    jobs: Jobs = None,
    runs: Runs = RUNS,
) -> None:
    r"""Run a study: train every line once, evaluate every checkpoint on the same test tasks, and report.

    The same command again goes on where it stopped; what is done is not done again.

    Examples:

        rftcore study study.yaml --dry-run
        rftcore study study.yaml --probe
        rftcore study study.yaml
        rftcore study study.yaml --name short training.updates=5 evaluation.tasks=16
        rftcore study study.yaml --jobs 4
        rftcore study study.yaml "axes.transfer=\[textcraft, babyai]"
    """
    from rftcore.records import RunFolder
    from rftcore.schemas.config import StudyConfig
    from rftcore.study import Study

    planned = Study(configured(StudyConfig, config, overrides or [], name, jobs))
    if dry_run or probe:
        tell(planned, RunFolder(runs / planned.config.name), tflops, probed=probe, fresh=fresh)
        return
    folder = planned.create(runs, fresh=fresh)
    show(work(folder), folder)
