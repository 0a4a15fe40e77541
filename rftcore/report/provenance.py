"""The last section of the page, its reproducibility card: what was run, with what, and what each figure means."""

from __future__ import annotations

from collections.abc import Mapping

from rftcore.report.listing import details, facts, pairs, source
from rftcore.report.markup import Markup, tag
from rftcore.schemas.report import Report

METHODS = (
    ("avg@k", "mean success over the tasks of a set and the k samples of each; pass@k is the unbiased estimate of the "
     "chance that at least one of k samples succeeds."),
    ("95 % interval", "bootstrapped over families of tasks, because neither samples of one task nor near-copies of it "
     "are independent; a task that is like no other is a family. An interval of a change pairs both checkpoints on the "
     "same tasks. It holds the noise of tasks and of sampling, not that of training: one training run stands behind "
     "each checkpoint."),
    ("p and Holm", "two-sided paired permutation test against base on the same tasks; Holm\u2019s correction over the "
     "cells of the axis keeps the chance of any false alarm there at 5 %. So an interval can exclude zero beside a p "
     "above 0.05: intervals are not corrected, and of 20 changes that are not there one has such an interval. What is "
     "called significant has a corrected p below 0.05."),
    ("random play", "the floor: a policy without any skill on the same tasks, compared in the same way. A base that "
     "plays worse than that gains by losing a habit; a skill is what holds against both."),
    ("detectable change", "the smallest change from base that a cell detects with 80 % power at the 5 % level. Smaller "
     "changes may be real, but this study could not have told."),
    ("trained on, held-in, held-out", "test tasks of the environment and difficulty that the checkpoint was fine-tuned "
     "on; of an environment that it was fine-tuned in, at whatever difficulty; of one that it was not. No test task "
     "was ever trained on."),
    ("masked", "samples lost to failures of the machine, or not played because a budget was spent; they count neither "
     "as success nor as failure."),
)  # fmt: skip

TITLES = {
    "command": "The same again",
    "model": "Policy",
    "arithmetic": "Arithmetic",
    "effort": "What it took",
    "sessions": "Sessions: when it was worked on, and with what",
    "hardware": "Hardware",
    "seeds": "Seeds",
    "versions": "Versions of the distributions",
    "manifests": "Task lists (sha256 of each manifest)",
    "recordings": "Recorded trajectories that were learned from (sha256)",
    "stages": "Stages with settings of their own",
    "specs": "Plugins used",
}


ORDER = ("model", "seeds", "arithmetic", "hardware", "effort", "sessions", "recordings", "stages", "versions",
         "manifests", "specs")  # fmt: skip
OPEN = ("model", "seeds", "arithmetic", "hardware", "effort")


def again(command: object) -> list[Markup]:
    """Return how to get the same numbers, and how to check these."""
    return [
        tag(
            "p",
            "With the versions below installed, this line makes the same run; its configuration is that below, and "
            "stands as a file in card.md in the run folder:",
        ),
        tag("pre", str(command), class_="source", tabindex=0),
        tag("p", "This line says whether the run folder is what was written, and the report what it gives:"),
        tag("pre", "rftcore verify RUN", class_="source", tabindex=0),
    ]


def _shown(value: object) -> Markup:
    if isinstance(value, Mapping):
        return pairs(value)
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        return tag("div", *(pairs(item) for item in value))
    return tag("p", str(value))


def provenance_section(report: Report) -> Markup:
    """Return the section; what the report does not hold is left out."""
    provenance = dict(report.provenance)
    parts: list[Markup | None] = [
        tag("h2", "What was run, and with what"),
        facts(report.facts, "What is true of each environment") if report.facts else None,
        facts(report.spending, "What the answers of each policy cost") if report.spending else None,
    ]
    if "command" in provenance:
        parts.append(details(TITLES["command"], *again(provenance.pop("command")), is_open=True))
    for name in ORDER:
        if name in provenance:
            value = provenance.pop(name)
            parts.append(details(TITLES[name], _shown(value), is_open=name in OPEN))
    if provenance:
        parts.append(details("More provenance", source(provenance)))
    parts.append(details("Resolved configuration", source(report.study.get("config", {}))))
    definitions = [tag("div", tag("dt", term), tag("dd", meaning)) for term, meaning in METHODS]
    parts.append(details("How to read the figures", tag("dl", *definitions, class_="methods"), is_open=True))
    return tag("section", *parts, id="run")
