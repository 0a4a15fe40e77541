"""The rollouts that ours is compared with: the whole history goes through the model again at every turn.

Their history is kept as token ids, and the log probabilities that TRL would not use without vLLM are left out. Both
spare the peers work.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import datasets
import torch
import transformers
from trl import GRPOConfig, GRPOTrainer
from trl.models import unwrap_model_for_generation

from rftcore.schemas.task import Task
from workload.conversations import CONVERSATIONS, OBSERVED, SAMPLED, SAMPLES, TURNS, Endless, Ours, Talks

Generate = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Takes ids and attention mask [conversations, longest]; returns the ids with the sampled tokens behind them."""


def quiet() -> None:
    """Silence what the peers would print between the results."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.utils.logging.disable_progress_bar()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")


def replay_history(generate: Generate, encoder: Endless, environment: Talks, tasks: Sequence[Task]) -> dict[str, Any]:
    """Play one conversation for each of `tasks`, all in step; return the fields that TRL asks of a `rollout_func`."""
    episodes = [environment.start(task) for task in tasks]
    prompts = [encoder.first("", episode.observation) for episode in episodes]
    completions: list[list[int]] = [[] for _ in tasks]
    masks: list[list[int]] = [[] for _ in tasks]
    rewards = [0.0] * len(tasks)
    for turn in range(TURNS):
        contexts = [prompt + completion for prompt, completion in zip(prompts, completions, strict=True)]
        longest = max(map(len, contexts))
        ids = torch.tensor([[0] * (longest - len(context)) + context for context in contexts])
        attended = torch.tensor([[0] * (longest - len(context)) + [1] * len(context) for context in contexts])
        for index, answer in enumerate(generate(ids, attended)[:, longest:].tolist()):
            step = episodes[index].step(encoder.decode(answer).strip())
            completions[index] += answer
            masks[index] += [1] * len(answer)
            rewards[index] = step.reward
            if turn + 1 < TURNS:
                observed = encoder.next(step.observation, closed=False)
                completions[index] += observed
                masks[index] += [0] * len(observed)
    return {
        "prompt_ids": prompts,
        "completion_ids": completions,
        "logprobs": None,
        "env_mask": masks,
        "env_reward": rewards,
    }


def hf_generate(model: Any) -> Generate:
    """Return Hugging Face's own `generate`, sampling from the model's distribution."""

    def generate(ids: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        return model.generate(  # type: ignore[no-any-return]
            input_ids=ids,
            attention_mask=attended,
            do_sample=True,
            top_k=0,
            max_new_tokens=SAMPLED,
            min_new_tokens=SAMPLED,
            pad_token_id=0,
        )

    return generate


def trl_rollout(ours: Ours) -> Callable[[list[Any], Any], dict[str, Any]]:
    """Return a `rollout_func` for the conversations of `ours`; a prompt names its task by number."""
    encoder = Endless(ours.tokenizer)

    def rollout(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        with unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model, torch.no_grad():

            def generate(ids: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
                return model.generate(  # type: ignore[no-any-return]
                    input_ids=ids,
                    attention_mask=attended,
                    generation_config=trainer.generation_config,
                    max_new_tokens=SAMPLED,
                    min_new_tokens=SAMPLED,
                )

            tasks = [ours.tasks[int(messages[-1]["content"])] for messages in prompts]
            return replay_history(generate, encoder, ours.environment, tasks)

    return rollout


def trl_trainer(ours: Ours, model: Any, folder: str, *, steps: int, learning_rate: float) -> Any:
    """Return TRL's trainer for `steps` updates of one batch of conversations each; it may write to `folder`."""
    settings = GRPOConfig(
        output_dir=folder,
        per_device_train_batch_size=CONVERSATIONS,
        num_generations=SAMPLES,
        max_completion_length=TURNS * (OBSERVED + SAMPLED) - OBSERVED,
        max_steps=steps,
        learning_rate=learning_rate,
        lr_scheduler_type="constant",
        adam_beta2=0.95,
        loss_type="dapo",
        epsilon_high=0.28,
        beta=0.0,
        top_k=0,
        temperature=1.0,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    rows = [{"prompt": [{"role": "user", "content": str(number)}]} for number in range(len(ours.tasks))]
    return GRPOTrainer(
        model=model,
        reward_funcs=_returns,
        args=settings,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=ours.tokenizer,
        rollout_func=trl_rollout(ours),
    )


def _returns(completions: list[Any], env_reward: list[float], **_: Any) -> list[float]:
    return list(env_reward)
