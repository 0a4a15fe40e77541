"""Supervised fine-tuning on an expert, then reinforcement fine-tuning, as one experiment. Takes under a minute.

    python examples/06_sft_then_rft.py

The expert errs in a tenth of its turns, so that what imitates it acts unevenly enough to be reinforced. Imitation has a
budget and a learning rate of its own. The budgets are a toy's; with 30 updates in place of each 2 and without the line
`evaluation` it begins to mean something.
"""

from __future__ import annotations

from rftcore import Experiment
from rftcore_grpo.algorithm import GRPO
from rftcore_imitation.algorithm import Imitation

report = Experiment(
    name="sft-then-rft",
    train="imitation(textcraft:easy)>textcraft:easy",
    environments={"textcraft": {"max_turns": 8}},
    algorithm=GRPO(),
    algorithms={"imitation": Imitation(noise=0.1)},
    stages={"imitation": {"training": {"updates": 2, "groups": 8}, "learner": {"learning_rate": 1e-3}}},
    training={"updates": 2, "groups": 4, "samples": 4},
    learner={"learning_rate": 3e-4},
    sampling={"max_new_tokens": 24},
    evaluation={"tasks": 6, "samples": 2, "environments": ["textcraft"]},
    references=[],
).run()  # in runs/sft-then-rft

for stage in report.stages:
    told = "demonstrated" if "demonstrated_tokens" in stage.budget else "success {success:.2f}"
    for update in stage.curve:
        print(f"{stage.name}: update {update['update']}, {told.format(**update)}")
for cell in report.axes.sequence:
    print(f"{cell.train:45} on {cell.difficulty:6} {cell.avg_at_k:.2f} [{cell.ci_low:.2f}, {cell.ci_high:.2f}]")
