"""Runs examples/studies/shift.yaml for every seed and writes docs/results/shift.md.

    python scripts/shift.py [--seeds 0 1 2] [--page-only]

`make results` calls it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import fmean

from axes import by_place, lost, matrix, record
from seeds import Record, change, hardware, publish

NAME = "shift"
LISTED, UNLISTED = "babyai", "babyai-unlisted"


def page(records: Sequence[Record]) -> str:
    """Return the page: the question with its answer, then the table of all cells."""
    seeds = ", ".join(str(record["seed"]) for record in records)
    took = " and ".join(f"{record['study_seconds'] / 60:.0f} min" for record in records)
    return "\n".join(
        [
            "# Trained with the list of actions, and without",
            "",
            "arXiv 2603.12011 found that training in BabyAI, where every observation lists the actions, hurts in "
            "WebShop, where none does, and supposes that the list is the reason. `examples/studies/shift.yaml` trains "
            "the embedded policy `rftcore/tiny` with GRPO on the same BabyAI tasks with the list and without it. "
            "Nothing else differs.",
            "",
            f"`make results` regenerates this page. Seeds: {seeds}; {took} on {hardware(records[0])}, beside whatever "
            "else ran. Changes from base in points of success, with the 95 % interval of Student's t over the seeds"
            f"{'' if len(records) > 1 else ' once there is more than one of them'}.",
            "",
            *_answer(records),
            "",
            "The last column is what the list in training costs where it is negative.",
            "",
            "## All cells",
            "",
            "Success in %; in brackets the change from base.",
            "",
            *matrix(records, "transfer"),
            "",
            lost(records),
            "",
        ]
    )


def _answer(records: Sequence[Record]) -> list[str]:
    """Return a row an environment: its change after either training, mean of its difficulties, and the difference."""
    cells = [by_place(record["cells"]) for record in records]
    rows = ["| played in | trained with the list | trained without | difference |", "|---|---|---|---|"]
    for name in dict.fromkeys(environment for _, environment, _ in cells[0]):
        levels = dict.fromkeys(difficulty for _, environment, difficulty in cells[0] if environment == name)
        listed, unlisted = (
            [fmean(found[train, name, level]["delta_vs_base"] for level in levels) for found in cells]
            for train in (LISTED, UNLISTED)
        )
        difference = [one - other for one, other in zip(listed, unlisted, strict=True)]
        rows.append(f"| {name} | {change(listed)} | {change(unlisted)} | {change(difference)} |")
    return rows


if __name__ == "__main__":
    sys.exit(publish(NAME, record, lambda records: {f"{NAME}.md": page(records)}, __doc__, seeds=3))
