"""`rftcore plugins`: what is installed, from where, and what is broken and why. Imports no implementation."""

from __future__ import annotations

from typing import Annotated

import typer

from rftcore.cli.terminal import console, emit, table
from rftcore.plugin import Plugin

_STYLES = {"ok": "none", "blocked": "dim"}


def plugins(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show whole tracebacks of broken plugins.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """List installed plugins and what each offers; for a broken one, why.

    A plugin that is broken, incompatible or in conflict never stops the others.

    Examples:

        rftcore plugins
        rftcore plugins --verbose
        rftcore plugins --json
        RFTCORE_BLOCK=rftcore-babyai rftcore plugins     leave one out
        rftcore --plugin ./my_env.py plugins             with one that is not packaged
    """
    from rftcore import registry

    rows = registry.plugins()
    if as_json:
        emit({"plugins": [_record(row) for row in rows]})
        return
    lines = [(row, line) for row in rows for line in _lines(row)]
    table(
        ("dist", "version", "status", "kind", "name", "summary"),
        [line for _, line in lines],
        [_STYLES.get(row.status, "red") for row, _ in lines],
    )
    unsound = [row for row in rows if row.status not in _STYLES]
    if verbose:
        for row in unsound:
            console().print(f"\n{row.owner}: {row.status}\n{row.problem}")
    elif unsound:
        console().print(f"\n{len(unsound)} cannot be used as they are; `rftcore plugins --verbose` shows where and why")


def _record(row: Plugin) -> dict[str, object]:
    return {
        "dist": row.dist,
        "version": row.version,
        "status": row.status,
        "problem": row.problem,
        "specs": [
            {"kind": spec.kind, "name": spec.name, "target": spec.target, "summary": spec.summary} for spec in row.specs
        ],
    }


def _lines(row: Plugin) -> list[tuple[str, ...]]:
    owner: tuple[str, ...] = (row.dist, row.version, row.status)
    lines = [(*owner, spec.kind, spec.name, spec.summary) for spec in row.specs]
    if row.observes:
        lines.append((*owner, "observer", row.name, ", ".join(row.observes)))
    if row.problem:
        lines.append((*owner, "", row.name, row.reason))
    return lines or [(*owner, "", row.name, "offers nothing")]
