"""What a study or an experiment would do and cost, in words: `--dry-run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rftcore.cli.terminal import console, table

if TYPE_CHECKING:
    from rftcore.estimate import Range
    from rftcore.records import RunFolder
    from rftcore.study import Study


def tell(planned: Study, folder: RunFolder, tflops: float | None) -> None:
    """Print every stage and every cell, the budget, and an estimate of the time; `tflops` is what one job sustains."""
    from rftcore.study import finished

    config, plan = planned.config, planned.blueprint.plan
    out = console()
    out.print(f"{planned.blueprint.kind} {config.name}, id {planned.id[:12]}", style="bold")
    out.print(f"model {config.model}, algorithm {config.algorithm.name}, seed {config.seed}")
    _tell_stages(planned)
    _tell_cells(planned)
    _tell_budget(planned, tflops)
    _tell_missing(planned)
    trained = {source.environment for stage in plan.stages for source in stage.stage.sources}
    held_out = sorted({cell.environment for cell in plan.cells} - trained)
    if held_out:
        out.print(f"never trained in: {', '.join(held_out)}")
    total = len(plan.stages) + len(plan.cells)
    out.print(f"{len(finished(folder, plan))} of {total} jobs are done in {folder.path}")


def _tell_stages(planned: Study) -> None:
    from rftcore.estimate import episodes
    from rftcore.schemas.frozen import given
    from rftcore.stages import settings_of

    config, plan = planned.config, planned.blueprint.plan
    axes = {
        stage.name: [axis for axis, names in plan.axes.items() if any(stage in plan.chain(name) for name in names)]
        for stage in plan.stages
    }
    asked = sum(len(plan.chain(name)) for names in plan.axes.values() for name in names)
    console().print(f"\n{len(plan.stages)} stages ({asked} if none were shared)", style="bold")
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


def _tell_budget(planned: Study, tflops: float | None) -> None:
    from rftcore import registry
    from rftcore.estimate import episodes, estimate, evaluated, rate
    from rftcore.quote import quotes
    from rftcore.report.figures import duration

    config, plan, environments = planned.config, planned.blueprint.plan, planned.blueprint.environments
    trained = sum(episodes(config, stage) for stage in plan.stages)
    tasks = sum(evaluated(config, environments[cell.environment], cell.difficulty) for cell in plan.cells)
    cost = estimate(config, plan, environments)
    out = console()
    out.print("\nbudget", style="bold")
    out.print(f"{trained:,} episodes of training, {tasks * config.evaluation.samples:,} of evaluation")
    out.print(f"{_span(cost.training)} tokens of training, {_span(cost.evaluation)} of evaluation")
    for title, quote in quotes(config, plan, environments).items():
        money = "" if quote.money is None else f", {_span(quote.money)} to pay"
        out.print(
            f"{title} is asked for {_span(quote.answers)} answers: {_span(quote.prompt_tokens)} tokens of prompts, "
            f"{_span(quote.completion_tokens)} of answers{money}"
        )
    if cost.parameters is None or cost.operations is None:
        out.print(f"the size of {config.model!r} is not known before it is loaded, so neither is the time")
        return
    sustained = rate(config, cost.parameters) if tflops is None else tflops * 1e12
    jobs: int = registry.create("executor", config.executor.name, config.executor.options).slots
    shortest, longest = (duration(end / sustained / jobs) for end in (cost.operations.low, cost.operations.high))
    out.print(
        f"{_span(cost.operations)} floating point operations with {cost.parameters:,} parameters: "
        f"{shortest} if every episode were as short as the expert's, {longest} if every one went to its limits, "
        f"at {sustained / 1e12:g} TFLOP/s a job (--tflops), {jobs} side by side"
    )


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


def _span(ends: Range) -> str:
    return f"{ends.low:.2g} to {ends.high:.2g}"
