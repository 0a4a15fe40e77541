"""`rftcore evaluate`: a model, a checkpoint of a run, or a policy on the fixed test tasks. Nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rftcore.cli.planned import tell
from rftcore.cli.running import RUNS, DryRun, Fresh, Jobs, Name, Probe, Runs, Tflops, configured, paper, work
from rftcore.cli.terminal import emit, table
from rftcore.errors import ConfigError

if TYPE_CHECKING:
    from rftcore.schemas.report import Cell, Report


def evaluate(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL|RUN] [KEY=VALUE]...", help="Folder, hub id or run, and overrides."),
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Which checkpoint of RUN, such as textcraft:easy; default: the last.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="Let a policy play, such as oracle or random, in place of a model.")
    ] = None,
    environment: Annotated[
        list[str] | None,
        typer.Option(metavar="ENV", help="Where. May be repeated; default: the run's, or every installed one."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
    dry_run: DryRun = False,
    probe: Probe = False,
    tflops: Tflops = None,
    name: Name = None,
    fresh: Fresh = False,
    jobs: Jobs = None,
    runs: Runs = RUNS,
) -> None:
    """Play the fixed test tasks, and print success with its interval for each environment and difficulty.

    A checkpoint of a run plays under the run's own settings, unless overrides change them.
    Trajectories and report are kept in a run of their own, so a stopped evaluation goes on.

    Examples:

        rftcore evaluate rftcore/tiny
        rftcore evaluate Qwen/Qwen2.5-0.5B-Instruct --environment textcraft evaluation.tasks=20
        rftcore evaluate Qwen/Qwen2.5-0.5B-Instruct --environment textcraft --dry-run
        rftcore evaluate demo --checkpoint textcraft:easy environments.textcraft.max_turns=30
        rftcore evaluate --policy oracle --environment babyai
        rftcore evaluate --policy openai policy.model=MODEL format=react policy.budget.tokens=1000000
    """
    from rftcore.records import RunFolder
    from rftcore.schemas.config import EvaluationConfig
    from rftcore.study import Evaluation

    given = list(arguments or [])
    what = given.pop(0) if given and "=" not in given[0] else None
    source = _source(what, checkpoint, policy, runs)
    if environment:
        known = source.get("environments", {})
        source["environments"] = {each: known.get(each, {}) for each in environment}
        for key in ("calibration", "tasks"):
            files = source.get(key, {})
            source[key] = {each: files[each] for each in environment if each in files}
    config = configured(EvaluationConfig, source, given, name, jobs)
    evaluation = Evaluation(config)
    if name is None and not any(item.startswith("name=") for item in given):  # so that two of them never collide
        evaluation = Evaluation(config.model_copy(update={"name": f"evaluation-{evaluation.id[:8]}"}))
    if dry_run or probe:
        tell(evaluation, RunFolder(runs / evaluation.config.name), tflops, probed=probe, fresh=fresh)
        return
    folder = evaluation.create(runs, fresh=fresh)
    _tell(work(folder), folder.path, checkpoint or what or "", as_json)


def _tell(found: Report, folder: Path, player: str, as_json: bool) -> None:
    """Print what an evaluation found; `player` is what the model is called."""
    from rftcore.policy import Spending
    from rftcore.report.accounts import account_summary

    cells = [*found.axes.transfer, *found.references]
    if as_json:
        told = found.model_dump(mode="json", include={"accounts", "masked", "notes", "spending"})
        emit({"run": str(folder), "cells": [cell.model_dump(mode="json") for cell in cells], **told})
        return
    rows = [(player if cell.role == "base" else cell.train, *_row(cell)) for cell in cells]
    table(("player", "place", "success", "95 % interval", "turns", "invalid", "tasks"), rows)
    for policy_name, figures in found.spending.items():
        spending = Spending.of(figures)
        paper().print(f"\n{policy_name}: {spending.answers:,} answers, {spending}", soft_wrap=True)
    paper().print(f"\n{account_summary(found.accounts)}", soft_wrap=True)
    if found.masked:
        paper().print(f"\n{found.masked} samples are masked", *found.notes, sep="\n", soft_wrap=True)
    paper().print(f"\n{folder / 'report.html'}", soft_wrap=True)


def _source(what: str | None, checkpoint: str | None, policy: str | None, runs: Path) -> dict[str, Any]:
    """Return the configuration to start from. Raises ConfigError when it is not clear what is to play."""
    from rftcore.records import find_run

    if policy is not None:
        if checkpoint is not None:
            raise ConfigError("found both --policy and --checkpoint, expected one of them")
        return {"policy": policy, **({} if what is None else {"model": what})}
    if what is None:
        raise ConfigError("found nothing to evaluate, expected a model, a run, or, for example: --policy oracle")
    is_run = any((place / "run.json").is_file() for place in (runs / what, Path(what)))
    if is_run or checkpoint is not None:
        return _of_run(find_run(what, runs), checkpoint)
    _check_model(what, runs)
    return {"model": what, "references": ["random", "oracle"]}


def _check_model(what: str, runs: Path) -> None:
    """Refuse a bare word that is neither a run nor a folder: asking a hub for it would take minutes to fail."""
    from difflib import get_close_matches

    from rftcore import registry
    from rftcore.records import all_runs

    if "/" in what or Path(what).is_dir():
        return
    policies = {name: f"--policy {name}" for name in registry.names("policy")}
    known = {**policies, **{folder.path.name: folder.path.name for folder in all_runs(runs)}}
    close = get_close_matches(what, known, n=1)
    hint = (
        f"did you mean {known[close[0]]}?" if close else f"policies: {', '.join(policies)}; `rftcore runs` lists runs"
    )
    raise ConfigError(
        f"{what!r} is no run in {runs} and no folder, and a model of the hub is called OWNER/NAME; {hint}"
    )


def _of_run(folder: Any, checkpoint: str | None) -> dict[str, Any]:
    from rftcore.blueprint import load_record
    from rftcore.schemas.config import Settings

    config, plan = load_record(folder)
    names = [stage.name for stage in plan.stages]
    chosen = checkpoint or (names[-1] if names else "base")
    if chosen not in ("base", *names):
        raise ConfigError(f"--checkpoint {chosen}: {folder.path.name} has {', '.join(['base', *names])}")
    training_only = {"algorithm", "algorithms", "stages"}  # an evaluation learns nothing
    source = config.model_dump(mode="json", include=set(Settings.model_fields) - {"name", "executor"} - training_only)
    if chosen != "base":
        stage = folder.stage(plan.chain(chosen)[-1].key)
        place = stage / "checkpoint"
        if not place.is_dir() and (stage / "stage.json").is_file():
            raise ConfigError(
                f"--checkpoint {chosen} of {folder.path.name} was trained and is not there any more: `rftcore gc` "
                "removes those that nothing starts from, with --results also the last. To train it again, give that "
                "run's command with another --name"
            )
        if not place.is_dir():
            raise ConfigError(f"--checkpoint {chosen} of {folder.path.name} is not trained yet")
        source["model"] = str(place)
    return source | {"references": []}


def _row(cell: Cell) -> tuple[str, ...]:
    def shown(value: float | None, form: str = "{:.1%}") -> str:
        return "-" if value is None else form.format(value)

    interval = f"{shown(cell.ci_low)} to {shown(cell.ci_high)}"
    return (
        f"{cell.environment}:{cell.difficulty}",
        shown(cell.avg_at_k),
        interval,
        shown(cell.turns, "{:.1f}"),
        shown(cell.invalid_rate),
        f"{cell.tasks} x {cell.k}",
    )
