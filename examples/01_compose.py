"""An experiment from live components: one stage of GRPO in TextCraft, and what it changed. Takes under a minute.

    python examples/01_compose.py

The budget is a toy's; with `training={"updates": 40}` and without the line `evaluation` it begins to mean something.
"""

from __future__ import annotations

from rftcore import Experiment
from rftcore_grpo.algorithm import GRPO
from rftcore_textcraft.environment import TextCraft

experiment = Experiment(
    name="compose",
    train="textcraft:easy",
    environments=[TextCraft(max_turns=8, distractors=2)],
    algorithm=GRPO(kl=0.02),
    training={"updates": 2, "groups": 4, "samples": 4},
    sampling={"max_new_tokens": 24},
    evaluation={"tasks": 6, "samples": 2},
)
report = experiment.run()  # in runs/compose; run again, and nothing that is done is done twice

print(f"run {experiment.id[:12]}, {report.study_seconds:.0f} s")
for cell in [*report.references, *report.axes.sequence]:
    interval = f"[{cell.ci_low:.2f}, {cell.ci_high:.2f}]"
    print(f"{cell.train:16} on {cell.environment}:{cell.difficulty:6} {cell.avg_at_k:.2f} {interval}")
