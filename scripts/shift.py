"""Runs examples/studies/shift.yaml for every seed and writes docs/results/shift.md.

    python scripts/shift.py [--seeds 0 1 2] [--page-only]

`make results` calls it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import fmean

from axes import lost, matrix, record
from seeds import Record, change, hardware, interval, publish

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
            *_floor(records),
            "",
            _verdict(records),
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
    rows = ["| played in | trained with the list | trained without | difference |", "|---|---|---|---|"]
    for name in dict.fromkeys(cell["environment"] for cell in records[0]["cells"]):
        listed, unlisted = (_changes(records, train, name) for train in (LISTED, UNLISTED))
        difference = [one - other for one, other in zip(listed, unlisted, strict=True)]
        rows.append(f"| {name} | {change(listed)} | {change(unlisted)} | {change(difference)} |")
    return rows


def _floor(records: Sequence[Record]) -> list[str]:
    """Return a sentence for the environments in which nobody that was trained, nor base, ever succeeded."""
    won: dict[str, float] = {}
    for found in records:
        for cell in found["cells"]:
            won[cell["environment"]] = max(won.get(cell["environment"], 0.0), cell["avg_at_k"])
    lost_all = [f"`{name}`" for name, best in won.items() if best == 0]
    if not lost_all:
        return []
    return [f"In {', '.join(lost_all)} neither base nor any checkpoint ever succeeded: that says nothing, either way."]


def _verdict(records: Sequence[Record]) -> str:
    """Return what was found of the question, by the interval over the seeds."""
    if len(records) < 2:
        return "One seed does not answer the question."
    low, high = interval(_changes(records, UNLISTED, "webshop"))
    found = "It does" if high < 0 else "It does not: it helps" if low > 0 else "This study cannot tell: zero is inside"
    changes = [change(_changes(records, train, "webshop")) for train in (UNLISTED, LISTED)]
    return (
        "Does training in BabyAI without the list still hurt in WebShop? In points the change there is "
        f"{changes[0]}, and with the list {changes[1]}. {found}."
    )


def _changes(records: Sequence[Record], train: str, environment: str) -> list[float]:
    """Return a number a seed: the change from base in an environment, mean of its difficulties."""
    return [
        fmean(
            cell["delta_vs_base"]
            for cell in record["cells"]
            if (cell["train"], cell["environment"]) == (train, environment)
        )
        for record in records
    ]


if __name__ == "__main__":
    sys.exit(publish(NAME, record, lambda records: {f"{NAME}.md": page(records)}, __doc__, seeds=3))
