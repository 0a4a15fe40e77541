"""What a run would do and cost, in words: `--dry-run`, and `--probe`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from rftcore.cli.costs import tell_costs
from rftcore.cli.terminal import console, table

if TYPE_CHECKING:
    from rftcore.errors import RunError
    from rftcore.records import RunFolder
    from rftcore.study import Study


def tell(
    planned: Study, folder: RunFolder, tflops: float | None = None, *, probed: bool = False, fresh: bool = False
) -> None:
    """Print every stage and every cell, the budget, and estimates of time, memory and disk.

    `tflops` is what one job sustains; a run that is to be `probed` is measured first; a `fresh` one deletes what is in
    `folder`. Exits with code 1 when the run would be refused: another one is there, or what is no run and is not
    deleted, there is no room, or the sampler refuses so many jobs side by side. What this machine lacks is told only:
    the run would end here, but may be meant for another one.
    """
    from rftcore.study import finished

    config, plan = planned.config, planned.blueprint.plan
    refused = _undeletable(folder) if fresh else _other(folder, planned.id)
    done = set() if fresh or refused else finished(folder, plan)
    out = console()
    out.print(f"{planned.blueprint.kind} {config.name}, id {planned.id[:12]}", style="bold")
    learns = f", algorithm {config.algorithm.name}" if plan.stages else ""
    out.print(f"model {config.model}{learns}, seed {config.seed}")
    if plan.stages:
        _tell_stages(planned)
    _tell_cells(planned)
    roomy = tell_costs(planned, folder, done, tflops, probed=probed)
    _tell_missing(planned)
    crowded = _crowded(planned, done)
    trained = {source.environment for stage in plan.stages for source in stage.stage.sources}
    held_out = sorted({cell.environment for cell in plan.cells} - trained)
    if held_out:
        out.print(f"never trained in: {', '.join(held_out)}")
    if fresh and refused is None and (folder.path / "run.json").is_file():
        out.print(f"{_named(folder)} in {folder.path} is deleted first (--fresh)", style="bold")
    for reason in filter(None, (refused, crowded)):
        out.print(f"it is refused: {reason}", style="bold")
    if refused is None:
        out.print(f"{len(done)} of {len(plan.stages) + len(plan.cells)} jobs are done in {folder.path}")
    if refused or crowded or not roomy:
        raise typer.Exit(1)


def _crowded(planned: Study, done: set[str]) -> str:
    """Return why its jobs could not sample side by side. How many a cluster does is known to the run itself alone."""
    from rftcore import registry
    from rftcore.checks import check_side_by_side
    from rftcore.errors import ConfigError

    config = planned.config
    executor = registry.create("executor", config.executor.name, config.executor.options)
    try:
        if not executor.elsewhere:
            check_side_by_side(config, planned.blueprint.plan, done, executor.slots)
    except ConfigError as error:
        return str(error)
    return ""


def _other(folder: RunFolder, wanted: str) -> RunError | None:
    """Return why the run `wanted` could not go on in a folder: another one is there."""
    there = _record(folder)
    return None if there is None or there["id"] == wanted else folder.another(there, wanted)


def _undeletable(folder: RunFolder) -> RunError | None:
    """Return why a fresh run could not take the place of what is in a folder."""
    from rftcore.errors import RunError

    try:
        folder.check_deletable()
    except RunError as error:
        return error
    return None


def _named(folder: RunFolder) -> str:
    """Return what to call the run in a folder; no id where that cannot be read, as in a record of a later version."""
    from rftcore.errors import RunError

    try:
        return f"the run {folder.record()['id'][:12]}"
    except RunError:
        return "the run"


def _record(folder: RunFolder) -> dict[str, Any] | None:
    """Return the record of the run in a folder; None where there is none, or one that the run writes anew."""
    from rftcore.errors import RunError
    from rftcore.records import no_json, read_json

    file = folder.path / "run.json"
    try:
        return folder.record() if file.exists() and read_json(file) else None
    except RunError as error:
        if no_json(error):
            return None
        raise


def _tell_stages(planned: Study) -> None:
    from rftcore.estimate import episodes
    from rftcore.report.figures import count
    from rftcore.schemas.frozen import given
    from rftcore.stages import settings_of

    config, plan = planned.config, planned.blueprint.plan
    axes = {
        stage.name: [axis for axis, names in plan.axes.items() if any(stage in plan.chain(name) for name in names)]
        for stage in plan.stages
    }
    asked = sum(len(plan.chain(name)) for names in plan.axes.values() for name in names)
    shared = "" if asked == len(plan.stages) else f" ({asked} if none were shared)"
    console().print(f"\n{count(len(plan.stages), 'stage')}{shared}", style="bold")
    rows = [
        (
            stage.name,
            next((other.name for other in plan.stages if other.key == stage.parent), "base"),
            str(stage.updates),
            settings_of(config, stage.stage).algorithm.name,
            f"{episodes(config, stage):,}",
            ", ".join(axes[stage.name]),
        )
        for stage in plan.stages
    ]
    table(("checkpoint", "starts from", "updates", "algorithm", "episodes", "axes"), rows)
    for key, own in config.stages.items():
        console().print(f"{key}(...) has settings of its own: {', '.join(_assignments(given(own)))}")


def _assignments(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield settings as overrides write them, such as `learner.learning_rate=0.001`."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _assignments(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={value}"


def _tell_cells(planned: Study) -> None:
    """Print how many tasks each player plays in each place."""
    from rftcore.estimate import evaluated

    config, plan, environments = planned.config, planned.blueprint.plan, planned.blueprint.environments
    places = list(dict.fromkeys((cell.environment, cell.difficulty) for cell in plan.cells))
    cells = {(cell.train, (cell.environment, cell.difficulty)) for cell in plan.cells}
    tasks = {place: str(evaluated(config, environments[place[0]], place[1])) for place in places}
    console().print(f"\n{len(plan.cells)} cells, {config.evaluation.samples} samples of each task", style="bold")
    heads = [f"{environment}\n{difficulty}" for environment, difficulty in places]
    rows = [
        (player, *(tasks[place] if (player, place) in cells else "-" for place in places))
        for player in dict.fromkeys(cell.train for cell in plan.cells)
    ]
    table(("tasks of", *heads), rows)


def _tell_missing(planned: Study) -> None:
    """Print what parts of the run need and this machine lacks: it may run on another one, so this is no error."""
    from rftcore import registry
    from rftcore.players import players
    from rftcore.stages import settings_of

    config, plan = planned.config, planned.blueprint.plan
    used = [("sampler", config.sampler.name), ("executor", config.executor.name)]
    used += [("algorithm", settings_of(config, stage.stage).algorithm.name) for stage in plan.stages]
    used += [("policy", policy.name) for policy in players(config)]
    used += [("environment", config.environment(name).name) for name in planned.blueprint.environments]
    for kind, name in dict.fromkeys(used):
        if needs := registry.missing(kind, name):
            wanted = " ".join(f"'{need}'" for need in needs)
            console().print(f"{kind} {name!r} cannot run here, before: pip install {wanted}", style="bold")
    for reason in _reasons(planned):
        console().print(f"it cannot run here: {reason}", style="bold")


def _reasons(planned: Study) -> Iterator[str]:
    """Yield what components say that could not do their part on this machine, though they are installed."""
    from rftcore.checks import check_here
    from rftcore.errors import ConfigError
    from rftcore.executors.machine import gpus
    from rftcore.players import check_player, players

    config = planned.config
    if config.device.startswith("cuda") and not gpus():
        yield f"device: found {config.device!r}, and no NVIDIA GPU; expected 'auto' or 'cpu'"
    checks = [partial(check_here, config, planned.blueprint.plan)]
    checks += [partial(check_player, policy) for policy in players(config)]
    for check in checks:
        try:
            check()
        except ConfigError as error:
            yield str(error)
