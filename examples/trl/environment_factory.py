"""TRL trains a model that acts by calling a tool: `environment_factory`.

    python examples/trl/environment_factory.py

Any model whose chat template knows tools will do, such as Qwen's. So that this runs in a minute without a download, a
very small one is made here, and TRL's SFTTrainer teaches it from the expert's play to call the tool at all.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

import trl
from datasets import Dataset
from toy import ON_A_CPU
from transformers.utils import get_json_schema
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from rftcore.train.tiny import TinyConfig, build_model, build_tokenizer
from rftcore_textcraft.environment import TextCraft
from rftcore_trl import dataset, environment_factory

environment = TextCraft(max_turns=4, distractors=0)
tasks = environment.tasks("train", "easy")[:4]
rows = dataset(environment, "train", "easy", limit=4)
factory = environment_factory(environment)
tools = [get_json_schema(factory().act)]
template = (Path(trl.__file__).parent / "chat_templates" / "qwen2_5.jinja").read_text(encoding="utf-8")


def demonstration(row: dict[str, Any], actions: list[str]) -> list[dict[str, Any]]:
    """Play one task with the tool and return the conversation."""
    played = factory()
    messages: list[dict[str, Any]] = [{"role": "user", "content": row["prompt"][0]["content"] + played.reset(**row)}]
    for action in actions:
        call = {"type": "function", "function": {"name": "act", "arguments": {"action": action}}}
        messages += [
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "name": "act", "content": played.act(action)},
        ]
    return [*messages, {"role": "assistant", "content": "done"}]


shown = [demonstration(row, list(environment.oracle(task))) for row, task in zip(rows, tasks, strict=True)]
tokenizer = build_tokenizer([])
texts = [tokenizer.apply_chat_template(each, tools=tools, tokenize=False, chat_template=template) for each in shown]
tokenizer = build_tokenizer(texts)
tokenizer.add_special_tokens({"eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_start|>"]})
tokenizer.chat_template, tokenizer.pad_token = template, "<|im_end|>"
model = build_model(len(tokenizer), TinyConfig(width=64, layers=2, heads=2, mlp=128, max_context=1024), seed=0)
for config in (model.config, model.generation_config):
    config.eos_token_id = config.pad_token_id = tokenizer.eos_token_id

with tempfile.TemporaryDirectory() as output:
    SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list([{"messages": each, "tools": tools} for each in shown]),
        args=SFTConfig(
            output,
            max_steps=90,
            per_device_train_batch_size=4,
            learning_rate=5e-3,
            lr_scheduler_type="constant",
            save_strategy="no",
            **ON_A_CPU,
        ),
    ).train()
    trainer = GRPOTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=rows,
        environment_factory=factory,
        args=GRPOConfig(
            output,
            num_generations=8,
            per_device_train_batch_size=16,
            max_steps=2,
            learning_rate=1e-3,
            max_completion_length=160,
            max_tool_calling_iterations=environment.max_turns,
            **ON_A_CPU,
        ),
    )
    trainer.train()
for update in trainer.state.log_history[:-1]:
    print(f"update {update['step']}: reward {update['reward']:.2f}, tool calls {update['tools/call_frequency']:.2f}")
