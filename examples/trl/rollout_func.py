"""TRL trains the embedded policy on TextCraft, and rftcore plays: `rollout_func`.

    python examples/trl/rollout_func.py

The episodes are those of any rftcore run; loss, optimizer and checkpoints are TRL's.
"""

from __future__ import annotations

import os
import tempfile

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

from toy import ON_A_CPU
from trl import GRPOConfig, GRPOTrainer

from rftcore.train.chat import load_tokenizer
from rftcore_grpo.algorithm import GRPO
from rftcore_textcraft.environment import TextCraft
from rftcore_tiny import folder
from rftcore_trl import dataset, episode_reward, grpo_arguments, rollout_func

environment = TextCraft(max_turns=8, distractors=2)
with tempfile.TemporaryDirectory() as output:
    trainer = GRPOTrainer(
        model=str(folder()),
        processing_class=load_tokenizer(folder()),
        train_dataset=dataset(environment, "train", "easy", limit=64),
        rollout_func=rollout_func(environment, max_new_tokens=24, seed=1),
        reward_funcs=episode_reward,
        args=GRPOConfig(
            output_dir=output,
            **grpo_arguments(GRPO(dynamic_sampling=False)),
            num_generations=8,
            per_device_train_batch_size=32,
            max_steps=2,
            learning_rate=3e-4,
            **ON_A_CPU,
        ),
    )
    trainer.train()
for update in trainer.state.log_history[:-1]:
    print(f"update {update['step']}: success {update['success']:.2f}, loss {update['loss']:+.4f}")
