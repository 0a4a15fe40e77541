"""`rftcore judge`: a model that chats labels how episodes failed, beside the rules. Optional: no report needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rftcore.cli.running import RUNS, Runs, one_job
from rftcore.cli.terminal import console, emit, table
from rftcore.errors import ConfigError

if TYPE_CHECKING:
    from rftcore.judging import Judged
    from rftcore.schemas.config import PolicyComponent


def judge(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN] [KEY=VALUE]...", help="Run, and options of the policy: policy.KEY=VALUE."),
    ] = None,
    policy: Annotated[str, typer.Option(help="Who judges: a policy that chats.")] = "openai",
    checkpoint: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the episodes of this checkpoint or policy of RUN.")
    ] = None,
    metric: Annotated[str, typer.Option(metavar="NAME", help="Whose labels, where no RUN says it.")] = "generalization",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
    runs: Runs = RUNS,
) -> None:
    """Ask a model how the episodes of a run failed, and print how far it agrees with the rules.

    Without RUN, it labels the metric's own examples, and agreement is with their labels by hand: how far to trust it.
    What was answered is kept, so the same line again pays for nothing twice.

    Examples:

        rftcore judge policy.model=gpt-4.1-mini policy.budget.tokens=500000
        rftcore judge demo policy.model=gpt-4.1-mini policy.budget.tokens=5000000 --checkpoint textcraft
    """
    from rftcore.blueprint import load_record
    from rftcore.judging import judge_examples, judge_run, rubric_of
    from rftcore.records import find_run
    from rftcore.schemas.config import Component

    given = list(arguments or [])
    run = given.pop(0) if given and "=" not in given[0] else None
    asked = _policy(policy, given)
    if run is None:
        if checkpoint is not None:
            raise ConfigError("--checkpoint: found it without a RUN, expected the run that has it")
        rubric, place = rubric_of([Component(name=metric)]), runs / "judges" / asked.title
        with one_job(f"{asked.title} labels examples", place, "What was answered") as report:
            found = judge_examples(asked, rubric, place, report=report)
        _tell(found, "labels by hand", as_json)
        return
    folder = find_run(run, runs)
    rubric = rubric_of(load_record(folder)[0].metrics)
    with folder.lock(), one_job(f"{asked.title} labels {run}", folder.path, "What was answered") as report:
        found = judge_run(asked, rubric, folder, checkpoint, report=report)
    _tell(found, "rules", as_json)


def _policy(name: str, given: list[str]) -> PolicyComponent:
    """Return the judge with its options. Raises ConfigError for any key that is not the policy's."""
    from rftcore.cli.settings import read_settings
    from rftcore.options import validate
    from rftcore.schemas.config import PolicyComponent

    example = "policy.model=NAME"
    for item in given:
        if "=" not in item:
            raise ConfigError(f"found {item!r}, expected one RUN, then options of the policy, such as {example}")
    settings = read_settings(given, "", example)
    options: Any = settings.pop("policy", {})
    if settings or not isinstance(options, dict):
        found = ", ".join(settings) or f"policy={options}"
        raise ConfigError(f"found {found}, expected options of the policy only, such as policy.model=NAME")
    return validate(PolicyComponent, {"name": name, **options}, "policy")


def _tell(found: Judged, other: str, as_json: bool) -> None:
    from rftcore.report.figures import count

    if as_json:
        emit(
            {
                "labelled": found.labelled,
                "unlabelled": found.unlabelled,
                "agreement": [
                    {**row._asdict(), "precision": row.precision, "recall": row.recall} for row in found.agreement
                ],
                "file": found.file,
            }
        )
        return
    rows = [
        (row.label, str(row.held), str(row.found), str(row.both), _share(row.precision), _share(row.recall))
        for row in found.agreement
    ]
    table(("label", other, "judge", "both", "precision", "recall"), rows)
    out = console()
    out.print(f"\n{count(found.labelled, 'episode')} labelled, {found.spending}")
    for reason, number in found.unlabelled.items():
        out.print(f"{number} unlabelled: {reason}")
    if found.file is not None:
        out.print(f"\n{found.file}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
