"""Two environments in one run of TRL: `dataset` gives the rows of each, and they are concatenated.

    python examples/trl/dataset.py

A row names its environment and its task, so `rollout_func` plays each with the right one.
"""

from __future__ import annotations

import os
import tempfile

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

from datasets import concatenate_datasets
from toy import ON_A_CPU
from trl import GRPOConfig, GRPOTrainer

from rftcore.train.chat import load_tokenizer
from rftcore_babyai.environment import BabyAI
from rftcore_textcraft.environment import TextCraft
from rftcore_tiny import folder
from rftcore_trl import dataset, episode_reward, rollout_func

environments = [TextCraft(distractors=1), BabyAI()]
rows = concatenate_datasets([dataset(environment, "train", "easy", limit=8) for environment in environments])
with tempfile.TemporaryDirectory() as output:
    trainer = GRPOTrainer(
        model=str(folder()),
        processing_class=load_tokenizer(folder()),
        train_dataset=rows,
        rollout_func=rollout_func(*environments, max_new_tokens=24, turn_limit=6),
        reward_funcs=episode_reward,
        args=GRPOConfig(
            output_dir=output,
            num_generations=4,
            per_device_train_batch_size=16,
            max_steps=2,
            learning_rate=3e-4,
            **ON_A_CPU,
        ),
    )
    trainer.train()
print(f"{len(rows)} tasks of {', '.join(sorted(set(rows['environment'])))}")
for update in trainer.state.log_history[:-1]:
    print(f"update {update['step']}: success {update['success']:.2f}, loss {update['loss']:+.4f}")
