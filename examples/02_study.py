"""A study from a mapping with dotted overrides: several lines of training that share what they can, one report.

    python examples/02_study.py
    python examples/02_study.py training.updates=20 evaluation.tasks=48

The three lines below need three stages and not four: `textcraft:easy` is trained once, and trained on afterwards.
"""

from __future__ import annotations

import sys

from rftcore import Study

SMALL = {
    "name": "difficulty",
    "environments": {"textcraft": {"max_turns": 8, "distractors": 2}},
    "sampling": {"max_new_tokens": 24},
    "training": {"updates": 1, "groups": 4, "samples": 4},
    "evaluation": {"tasks": 6, "samples": 2},
    "axes": {"difficulty": ["textcraft:easy", "textcraft:hard", "textcraft:easy>textcraft:hard"]},
}

study = Study(SMALL, sys.argv[1:])
print(f"run {study.id[:12]} trains {', '.join(stage.name for stage in study.blueprint.plan.stages)}")
report = study.run()

for cell in report.axes.difficulty:
    change = "" if cell.delta_vs_base is None else f"  {cell.delta_vs_base:+.2f} (adjusted p {cell.p_adjusted:.2f})"
    print(f"{cell.train:30} on {cell.difficulty:6} {cell.avg_at_k:.2f}{change}")
print(f"smallest change this study could have seen: {report.minimum_detectable:.2f}")
print("runs/difficulty/report.html shows all of it")
