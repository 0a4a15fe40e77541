"""What seeds of a study along axes found: the record that is kept of a report, and a table over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from seeds import Record, change, percent

KEPT = ("train", "environment", "difficulty", "role", "avg_at_k", "delta_vs_base", "turns", "generated_tokens")
"""Of a cell."""


def record(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a report: each cell once, what the stages gained and lost, and where it came from."""
    axes: dict[str, list[dict[str, Any]]] = report["axes"]
    cells = {(c["train"], c["environment"], c["difficulty"]): c for cells in axes.values() for c in cells}
    return {
        "seed": report["provenance"]["seeds"]["study"],
        "id": report["study"]["id"],
        "provenance": report["provenance"],
        "axes": {axis: list(dict.fromkeys(cell["train"] for cell in cells)) for axis, cells in axes.items()},
        "cells": [{key: cell[key] for key in KEPT} for cell in cells.values()],
        "references": [{key: cell[key] for key in KEPT} for cell in report["references"]],
        "stages": [
            {key: stage[key] for key in ("name", "parent", "backward", "forward", "largest_drop", "drift")}
            for stage in report["stages"]
        ],
        "masked": report["masked"],
        "study_seconds": report["study_seconds"],
    }


def matrix(records: Sequence[Record], axis: str) -> list[str]:
    """Return the lines of a table: success in %, a row a training, with the change from base and its interval."""
    cells = [by_place(record["cells"]) for record in records]
    references = [by_place(record["references"]) for record in records]
    places = list(dict.fromkeys((cell["environment"], cell["difficulty"]) for cell in records[0]["cells"]))
    rows = [f"| trained on | {' | '.join(' '.join(place) for place in places)} |", f"|---|{'---|' * len(places)}"]
    for train in records[0]["axes"][axis]:
        shown = [_cell([found[train, *place] for found in cells]) for place in places]
        rows.append(f"| {train} | {' | '.join(shown)} |")
    for policy in dict.fromkeys(cell["train"] for cell in records[0]["references"]):
        levels = [percent(fmean(found[policy, *place]["avg_at_k"] for found in references)) for place in places]
        rows.append(f"| *{policy}* | {' | '.join(levels)} |")
    return rows


def _cell(found: Sequence[Mapping[str, Any]]) -> str:
    level = percent(fmean(cell["avg_at_k"] for cell in found))
    changes = [cell["delta_vs_base"] for cell in found]
    return level if None in changes else f"{level} ({change(changes)})"


def by_place(cells: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    """Return cells by what was trained on, environment and difficulty."""
    return {(cell["train"], cell["environment"], cell["difficulty"]): cell for cell in cells}


def lost(records: Sequence[Record]) -> str:
    """Return the sentence on what the machine spoiled."""
    masked = sum(record["masked"] for record in records)
    drift = sum(stage["drift"] for record in records for stage in record["stages"])
    return f"Samples lost to failures of the machine: {masked}. Tokens of doubtful provenance: {drift}."
