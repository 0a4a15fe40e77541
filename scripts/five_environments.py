"""Runs examples/studies/five_environments.yaml for every seed and writes docs/results/five_environments.md.

    python scripts/five_environments.py [--seeds 0 1 2] [--page-only]

`make results` calls it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import fmean

from axes import lost, matrix, record
from seeds import Record, change, hardware, percent, publish

NAME = "five_environments"


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
        lines += [f"## {axis.capitalize()}", "", *matrix(records, axis), ""]
    lines += ["## Gains and losses of the stages", "", *_stages(records), ""]
    lines += [lost(records), ""]
    return "\n".join(lines)


def _stages(records: Sequence[Record]) -> list[str]:
    rows = ["| checkpoint | started from | backward | forward | largest drop |", "|---|---|---|---|---|"]
    for number, stage in enumerate(records[0]["stages"]):
        same = [record["stages"][number] for record in records]
        figures = [[one[key] for one in same] for key in ("backward", "forward", "largest_drop")]
        shown = ["-" if None in values else change(values) for values in figures[:2]]
        shown.append(percent(fmean(figures[2])))
        rows.append(f"| {stage['name']} | {stage['parent']} | {' | '.join(shown)} |")
    return rows


if __name__ == "__main__":
    sys.exit(publish(NAME, record, lambda records: {f"{NAME}.md": page(records)}, __doc__, seeds=3))
