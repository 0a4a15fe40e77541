"""Runs examples/studies/five_environments.yaml for every seed and writes docs/results/five_environments.md.

    python scripts/five_environments.py [--seeds 0 1 2] [--page-only]

`make results` calls it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from seeds import Record, change, hardware, percent, publish

NAME = "five_environments"
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


def page(records: Sequence[Record]) -> str:
    """Return the page: a table for each axis, means over the seeds, changes with an interval."""
    seeds = ", ".join(str(record["seed"]) for record in records)
    took = " and ".join(f"{record['study_seconds'] / 60:.0f} min" for record in records)
    lines = [
        "# Five environments, one small policy",
        "",
        "What `examples/studies/five_environments.yaml` found: the embedded policy `rftcore/tiny`, fine-tuned with "
        "GRPO along all three axes in the five environments of arXiv 2603.12011.",
        "",
    ]
    lines += [
        f"`make results` regenerates this page. Seeds: {seeds}; {took} on {hardware(records[0])}, "
        "beside whatever else ran. Success in %; in brackets the change from base in "
        "points, with the 95 % interval of Student's t over the seeds "
        + ("(training noise included)." if len(records) > 1 else "once there is more than one of them."),
        "",
    ]
    for axis in ("difficulty", "transfer", "sequence"):
        lines += [f"## {axis.capitalize()}", "", *_matrix(records, axis), ""]
    lines += ["## Gains and losses of the stages", "", *_stages(records), ""]
    masked, drift = (sum(record["masked"] for record in records), _drift(records))
    lines += [f"Samples lost to failures of the machine: {masked}. Tokens of doubtful provenance: {drift}.", ""]
    return "\n".join(lines)


def _matrix(records: Sequence[Record], axis: str) -> list[str]:
    cells = [_by_place(record["cells"]) for record in records]
    references = [_by_place(record["references"]) for record in records]
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


def _stages(records: Sequence[Record]) -> list[str]:
    rows = ["| checkpoint | started from | backward | forward | largest drop |", "|---|---|---|---|---|"]
    for number, stage in enumerate(records[0]["stages"]):
        same = [record["stages"][number] for record in records]
        figures = [[one[key] for one in same] for key in ("backward", "forward", "largest_drop")]
        shown = ["-" if None in values else change(values) for values in figures[:2]]
        shown.append(percent(fmean(figures[2])))
        rows.append(f"| {stage['name']} | {stage['parent']} | {' | '.join(shown)} |")
    return rows


def _by_place(cells: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    return {(cell["train"], cell["environment"], cell["difficulty"]): cell for cell in cells}


def _drift(records: Sequence[Record]) -> int:
    return sum(stage["drift"] for record in records for stage in record["stages"])


if __name__ == "__main__":
    sys.exit(publish(NAME, record, lambda records: {f"{NAME}.md": page(records)}, __doc__, seeds=3))
