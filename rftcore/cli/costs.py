"""What a run costs, in words: tokens, time, memory and disk, bracketed without a model or measured by a probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftcore.cli.terminal import console, table

if TYPE_CHECKING:
    from rftcore.estimate import Lengths, Range
    from rftcore.probe import Measured
    from rftcore.records import RunFolder
    from rftcore.study import Study


def tell_costs(planned: Study, folder: RunFolder, done: set[str], tflops: float | None, *, probed: bool) -> bool:
    """Print what a run costs, after a probe where it is to be `probed`; else `tflops` is what a job sustains.

    Where all is `done` it costs nothing, and is not probed. Returns False when there is no room, so that it is refused.
    """
    from rftcore.estimate import Lengths
    from rftcore.probe import SECONDS, probe

    config, plan, environments = planned.config, planned.blueprint.plan, planned.blueprint.environments
    if len(done) == len(plan.stages) + len(plan.cells):
        console().print("\nnothing is left to do, so it costs nothing more", style="bold")
        return True
    measured = None
    if probed:
        console().print(f"\nprobe: about {SECONDS:g} s of playing and learning, after the start", style="bold")
        measured = probe(planned.blueprint.kind, config, plan, seconds=SECONDS)
        _tell_measured(measured)
    lengths = Lengths(config, environments, None if measured is None else measured.lengths())
    _tell_budget(planned, tflops, lengths, None if measured is None else _forecast(planned, done, measured))
    return _tell_room(planned, folder, done, lengths, measured)


def _tell_measured(measured: Measured) -> None:
    """Print what the probe found."""
    from rftcore.estimate import Range
    from rftcore.report.figures import size

    rows = [
        (
            f"{place.environment}:{place.difficulty}",
            str(place.at_once),
            str(place.episodes),
            _span(Range(*place.tokens)),
            f"{1 / place.token_seconds:,.0f}",
            size(place.stored[1]),
        )
        for place in measured.places
    ]
    table(("place", "at once", "episodes", "tokens of an episode", "tokens/s", "stored"), rows)
    out = console()
    for learned in measured.learning:
        out.print(
            f"an update learned from {learned.tokens:,} tokens at {1 / learned.token_seconds:,.0f} tokens/s; "
            f"{learned.share:.0%} of the trajectories had credit"
        )
    gpu = f", {size(measured.gpu_peak)} of the GPU's" if measured.gpu_peak else ""
    out.print(
        f"on {measured.device}: {measured.start_seconds:.1f} s to start a process, {measured.load_seconds:.1f} s to "
        f"load the model, {size(measured.peak)} of memory at most{gpu}"
    )


def _forecast(planned: Study, done: set[str], measured: Measured) -> Range:
    from rftcore.timing import forecast

    config, plan, environments = planned.config, planned.blueprint.plan, planned.blueprint.environments
    return forecast(config, plan, environments, measured, done, _slots(planned))


def _slots(planned: Study) -> int:
    from rftcore import registry

    executor = planned.config.executor
    slots: int = registry.create("executor", executor.name, executor.options).slots
    return slots


def _tell_room(planned: Study, folder: RunFolder, done: set[str], lengths: Lengths, measured: Measured | None) -> bool:
    """Print what the run takes of memory and disk, and what it would do about it. Returns False when it is refused."""
    from rftcore import registry
    from rftcore.room import claims, refusal

    config, plan, environments = planned.config, planned.blueprint.plan, planned.blueprint.environments
    runner = registry.create("executor", config.executor.name, config.executor.options)
    peaks = None if measured is None else {"memory": measured.peak, "GPU memory": measured.gpu_peak}
    found = claims(config, plan, folder, done, runner, environments, lengths, peaks)
    refused = [claim for claim in found if claim.refused and config.shortage == "refuse"]
    out = console()
    for claim in found:
        doubt = f". This may not be enough: {claim.way}" if claim.doubtful and claim not in refused else ""
        out.print(f"{claim}{doubt}")
    if not found:
        out.print("how much memory and disk it takes is not known before the model is loaded")
    if refused:
        out.print(refusal(refused), style="bold")
    return not refused


def _tell_budget(planned: Study, tflops: float | None, lengths: Lengths, forecast: Range | None) -> None:
    from rftcore.estimate import episodes, estimate, evaluated, rate
    from rftcore.quote import quotes
    from rftcore.report.figures import duration

    config, plan, environments = planned.config, planned.blueprint.plan, planned.blueprint.environments
    trained = sum(episodes(config, stage) for stage in plan.stages)
    tasks = sum(evaluated(config, environments[cell.environment], cell.difficulty) for cell in plan.cells)
    cost = estimate(config, plan, environments, lengths)
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
    if forecast is not None:
        low, high = duration(forecast.low), duration(forecast.high)
        out.print(
            f"{low} to {high} for what is left, at the pace that the probe measured, {_slots(planned)} side by side"
        )
        return
    if not plan.model:
        return
    if cost.parameters is None or cost.operations is None:
        out.print(f"the size of {config.model!r} is not known before it is loaded, so neither is the time")
        return
    sustained = rate(config, cost.parameters) if tflops is None else tflops * 1e12
    jobs = _slots(planned)
    shortest, longest = (duration(end / sustained / jobs) for end in (cost.operations.low, cost.operations.high))
    out.print(
        f"{_span(cost.operations)} floating point operations with {cost.parameters:,} parameters: "
        f"{shortest} if every episode were as short as the expert's, {longest} if every one went to its limits, "
        f"at {sustained / 1e12:g} TFLOP/s a job (--tflops), {jobs} side by side"
    )


def _span(ends: Range) -> str:
    return f"{ends.low:.2g} to {ends.high:.2g}"
