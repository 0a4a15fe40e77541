"""`rftcore compare`: did one run do better than another on the same tasks? From trajectories, without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rftcore.cli.running import RUNS, Runs
from rftcore.cli.terminal import console, emit, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftcore.schemas.comparison import Rule, RunComparison, Uncompared


def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, its folder, or the start of its id.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="The run that is compared with it.")],
    before: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this checkpoint or policy of the first run.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="NAME", help="The one of the second run; default: that of --before.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
    runs: Runs = RUNS,
) -> None:
    """Compare two runs on the same tasks: change, 95 % interval, paired permutation test, Holm's correction.

    Cells of the same checkpoint, environment and difficulty are compared. Where the task lists differ, the cell is
    refused, and the exit code is 1. Where an environment's options or behaviour version differ, that is said first.

    Examples:

        rftcore compare grpo-run ppo-run
        rftcore compare grpo-run ppo-run --before textcraft:easy --json
        rftcore compare demo demo --before base --after "textcraft>babyai"
    """
    from rftcore.comparison import compare as measure
    from rftcore.records import find_run

    folders = find_run(first, runs), find_run(second, runs)
    found = measure(*folders, from_checkpoint=before, to_checkpoint=after)
    if as_json:
        emit(found.model_dump(mode="json"))
    else:
        _tell(found, [folder.path.name for folder in folders])
    raise typer.Exit(1 if found.refused else 0)


def _tell(found: RunComparison, names: Sequence[str]) -> None:
    from rftcore.report.figures import count, percent, points, probability, signed_bounds

    out = console()
    out.print(f"{names[1]} ({found.after[:12]}) compared with {names[0]} ({found.before[:12]})\n", style="bold")
    if found.rules:
        out.print("The environments' rules differ, so a change may come from them:", style="yellow")
        for environment, rules in _by_environment(found.rules).items():
            out.print(f"  {environment}: {'; '.join(rules)}")
        out.print()
    if found.cells:
        heads = ("checkpoint", "place", "tasks", "first %", "second %", "change", "95 %", "p", "Holm", "detectable")
        rows = [
            (
                _checkpoint(cell.before, cell.after),
                f"{cell.environment}:{cell.difficulty}",
                str(cell.tasks),
                percent(cell.before_avg_at_k),
                percent(cell.after_avg_at_k),
                points(cell.change),
                signed_bounds(cell.change_ci_low, cell.change_ci_high),
                probability(cell.p_value),
                probability(cell.p_adjusted),
                percent(cell.minimum_detectable),
            )
            for cell in found.cells
        ]
        table(heads, rows)
        differ = sum(cell.p_adjusted is not None and cell.p_adjusted < 0.05 for cell in found.cells)
        out.print(
            f"\n{differ} of {count(len(found.cells), 'cell')} differ at 5 % after Holm's correction. Success in %; the "
            "change, its interval and the smallest change that the tasks would have shown in points"
        )
    elif not found.refused:
        out.print("No cell was compared. Name a checkpoint of each run: --before NAME --after NAME")
    for what, uncompared in (("refused", found.refused), ("left out", found.left_out)):
        for reason, cells in _by_reason(uncompared).items():
            out.print(f"\n{what}, {reason}:\n  {', '.join(cells)}")


def _by_environment(rules: Sequence[Rule]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for rule in rules:
        found.setdefault(rule.environment, []).append(f"{rule.rule} was {rule.before!r} and is {rule.after!r}")
    return found


def _by_reason(uncompared: Sequence[Uncompared]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cell in uncompared:
        names = _checkpoint(cell.before, cell.after)
        found.setdefault(cell.reason, []).append(f"{names} on {cell.environment}:{cell.difficulty}")
    return found


def _checkpoint(before: str, after: str) -> str:
    return before or after if not (before and after) or before == after else f"{before} -> {after}"
