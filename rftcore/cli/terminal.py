"""How commands write: text for a person through rich, JSON for a program. Nothing else in `rftcore/cli` prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console


def console() -> Console:
    """Return a console that marks nothing up by itself; outside a terminal its lines may be 200 characters wide."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 200
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
    """Print rows in aligned columns. `styles` names a rich style for each row."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(*columns, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for number, row in enumerate(rows):
        grid.add_row(*(Text(cell, overflow="fold") for cell in row), style=styles[number] if styles else None)
    console().print(grid, soft_wrap=False)


def emit(value: object) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
