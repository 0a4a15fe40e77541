"""`rftcore report`: the tables of a finished run again, and its page from the stored files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rftcore.cli.running import RUNS, Runs, resuming, show
from rftcore.cli.terminal import emit
from rftcore.errors import RunError

if TYPE_CHECKING:
    from rftcore.records import RunFolder
    from rftcore.schemas.report import Report


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, its folder, or the start of its id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json and write nothing.")] = False,
    runs: Runs = RUNS,
) -> None:
    """Print the tables of a finished run and write its report.html and card.md anew.

    Everything is read from the run's folder: no model is needed.

    Examples:

        rftcore report demo
        rftcore report demo --json | jq .axes.transfer
    """
    from rftcore.records import find_run
    from rftcore.report.card import write_card
    from rftcore.report.html import write_html

    folder = find_run(run, runs)
    found = _read(folder)
    if as_json:
        emit(found.model_dump(mode="json"))
        return
    write_html(folder.path, found)
    write_card(folder.path, found)
    show(found, folder)


def _read(folder: RunFolder) -> Report:
    from rftcore.errors import ConfigError
    from rftcore.options import validate
    from rftcore.records import read_json
    from rftcore.schemas.report import Report

    path = folder.path / "report.json"
    if not path.is_file():
        raise RunError(f"{str(folder.path)!r} has no report yet; this line finishes the run:\n\n  {resuming(folder)}")
    try:
        return validate(Report, read_json(path))
    except ConfigError as error:
        raise RunError(
            f"{str(path)!r} is not a report that this version reads: {error}\n"
            f"Delete it, and this line makes it again:\n\n  {resuming(folder)}"
        ) from error
