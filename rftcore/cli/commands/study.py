"""`rftcore study`: several lines of training that share what they can, measured along the three axes.

`--dry-run` tells what would be done and what it would cost, and writes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rftcore.cli.running import RUNS, Fresh, Jobs, Name, Runs, configured, show, work
from rftcore.cli.terminal import console, table

if TYPE_CHECKING:
    from rftcore.records import RunFolder
    from rftcore.study import Study


def study(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="The study's configuration.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Overrides of single keys.")
    ] = None,
    name: Name = None,
    fresh: Fresh = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and its budget; do nothing.")] = False,
    jobs: Jobs = None,
    runs: Runs = RUNS,
) -> None:
    """Run a study: train every line once, evaluate every checkpoint on the same test tasks, and report.

    The same command again goes on where it stopped; what is done is not done again.

    Examples:

        rftcore study study.yaml --dry-run
        rftcore study study.yaml
        rftcore study study.yaml --name short training.updates=5 evaluation.tasks=16
        rftcore study study.yaml --jobs 4
        rftcore study study.yaml "axes.transfer=[textcraft, babyai]"
    """
    from rftcore.records import RunFolder
    from rftcore.schemas.config import StudyConfig
    from rftcore.study import Study

    planned = Study(configured(StudyConfig, config, overrides or [], name, jobs))
    if dry_run:
        _tell(planned, RunFolder(runs / planned.config.name))
        return
    folder = planned.create(runs, fresh=fresh)
    show(work(folder), folder)


def _tell(planned: Study, folder: RunFolder) -> None:
    from rftcore.study import finished

    config, plan = planned.config, planned.blueprint.plan
    out = console()
    out.print(f"study {config.name}, id {planned.id[:12]}", style="bold")
    out.print(f"model {config.model}, algorithm {config.algorithm.name}, seed {config.seed}")
    episodes = config.training.groups * config.training.samples
    axes = {
        stage.name: [axis for axis, names in plan.axes.items() if any(stage in plan.chain(name) for name in names)]
        for stage in plan.stages
    }
    asked = sum(len(plan.chain(name)) for names in plan.axes.values() for name in names)
    out.print(f"\n{len(plan.stages)} stages ({asked} if none were shared)", style="bold")
    rows = [
        (
            stage.name,
            next((other.name for other in plan.stages if other.key == stage.parent), "base"),
            str(stage.updates),
            f"{stage.updates * episodes:,}",
            ", ".join(axes[stage.name]),
        )
        for stage in plan.stages
    ]
    table(("checkpoint", "starts from", "updates", "episodes", "axes"), rows)
    places = list(dict.fromkeys(f"{cell.environment}:{cell.difficulty}" for cell in plan.cells))
    players = list(dict.fromkeys(cell.train for cell in plan.cells))
    out.print(f"\n{len(plan.cells)} cells", style="bold")
    out.print(f"{len(players)} players: {', '.join(players)}")
    out.print(f"in {len(places)} places: {', '.join(places)}")
    out.print(f"on {config.evaluation.tasks} tasks, {config.evaluation.samples} samples of each, at most")
    trained = sum(stage.updates for stage in plan.stages) * episodes
    played = len(plan.cells) * config.evaluation.tasks * config.evaluation.samples
    out.print("\nbudget", style="bold")
    out.print(f"{trained:,} episodes of training, at most {played:,} of evaluation")
    held_out = sorted({cell.environment for cell in plan.cells} - set(_trained(planned)))
    if held_out:
        out.print(f"never trained in: {', '.join(held_out)}")
    total = len(plan.stages) + len(plan.cells)
    out.print(f"{len(finished(folder, plan))} of {total} jobs are done in {folder.path}")


def _trained(planned: Study) -> list[str]:
    return [source.environment for stage in planned.blueprint.plan.stages for source in stage.stage.sources]
