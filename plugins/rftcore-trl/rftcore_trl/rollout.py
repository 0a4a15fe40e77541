"""A `rollout_func` for TRL's `GRPOTrainer`: core's rollout and sampler play, TRL learns.

Episodes are played as in every rftcore run: the KV cache is kept across turns, a failed machine is tried again, and
what is trained is what was sampled. TRL gets one row an episode, prompt and completion, in which `env_mask` is 0 at
every token that the environment said. What does not fit into that is refused, never cut to fit.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Self

from pydantic import Field, model_validator

from rftcore.conversation import History
from rftcore.environment import Environment
from rftcore.errors import ConfigError, RunError
from rftcore.formats import prompt_format
from rftcore.options import validate
from rftcore.rollout import ModelActor, collect
from rftcore.schemas.config import HFSamplerConfig
from rftcore.schemas.frozen import Frozen, digest
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Credit, Trajectory
from rftcore.train.chat import ChatEncoder
from rftcore.train.rows import build_rows
from rftcore.train.sampler import HFSampler
from rftcore_trl.dataset import Tasks


class RolloutOptions(Frozen):
    """How episodes are played. The temperature is not among them: it is the trainer's, as it divides the logits too."""

    format: str = "plain"
    """The prompt format: `plain`, `react`, ..."""
    history: History = Field(default_factory=History)
    """How much of the episode the model sees; only the whole of it makes one row."""
    shots: int = Field(default=0, ge=0)
    """Solved train tasks that every prompt shows first."""
    turn_limit: int | None = Field(default=None, ge=1)
    """Lowers the environment's own limit of turns."""
    max_new_tokens: int = Field(default=32, ge=1)
    """Longest answer of one turn."""
    sampler: HFSamplerConfig = Field(default_factory=HFSamplerConfig)
    """Slots and longest context of core's sampler."""
    seed: int = 0

    @model_validator(mode="after")
    def _one_row(self) -> Self:
        # Worded to follow "expected", as core prints what a configuration gets wrong.
        if self.history.name != "full":
            raise ValueError(
                "history 'full': a window drops turns, so an episode becomes several training rows, and GRPOTrainer "
                "takes one an episode; train with rftcore itself"
            )
        return self


def rollout_func(*environments: Environment, **options: Any) -> Rollout:
    """Return what `GRPOTrainer(rollout_func=...)` takes; `options` are the fields of `RolloutOptions`.

    Train on `dataset` of the same environments, with `episode_reward` among the `reward_funcs`. Raises ConfigError for
    wrong options and for a history that would make several rows of an episode.
    """
    settings = validate(RolloutOptions, options, "rollout_func")
    prompt_format(settings.format)
    return Rollout(Tasks(environments), settings)


def episode_reward(*, episode_return: Sequence[float], machine_failed: Sequence[bool], **rest: Any) -> list[Any]:
    """TRL reward function: the return of each episode that `rollout_func` played, None for one the machine spoiled.

    TRL leaves None out of its group's mean and gives it no advantage. Logs `success`, the share of solved episodes.
    """
    played = [solved for solved, failed in zip(rest["success"], machine_failed, strict=True) if not failed]
    if played:
        rest["log_metric"]("success", fmean(played))
    return [None if failed else ret for ret, failed in zip(episode_return, machine_failed, strict=True)]


class Rollout:
    """Plays the episodes that a `GRPOTrainer` asks for."""

    def __init__(self, tasks: Tasks, options: RolloutOptions) -> None:
        self._tasks, self._options = tasks, options
        self._step, self._round = -1, 0

    def __call__(self, prompts: list[Any], trainer: Any) -> dict[str, list[Any]]:
        """Play one episode for each prompt and return TRL's fields, all [prompts].

        Random numbers follow from the seed, the trainer's step, how many rollouts this step had before, and the
        process, so that a resumed run plays as one never stopped. Raises ConfigError for prompts and sampling options
        that rftcore cannot serve, RunError when every episode failed for a reason that is not the agent's.
        """
        _check_sampling(trainer)
        tasks = [self._tasks.of_prompt(prompt) for prompt in prompts]
        step = trainer.state.global_step
        self._step, self._round = step, self._round + 1 if step == self._step else 0
        seed = digest([self._options.seed, step, self._round, trainer.accelerator.process_index])
        found = self._play(tasks, trainer, int(seed[:12], 16))
        rows = [trl_row(trajectory, trainer.processing_class.eos_token_id) for trajectory in found]
        return {
            **{key: [row[key] for row in rows] for key in rows[0]},
            "episode_return": [trajectory.ret for trajectory in found],
            "success": [trajectory.success for trajectory in found],
            "machine_failed": [trajectory.masked for trajectory in found],
        }

    def _play(self, tasks: Sequence[Task], trainer: Any, seed: int) -> list[Trajectory]:
        """Return a trajectory for each of `tasks`, in order; equal tasks are samples of one group.

        TRL asks for equally many of each, unless it cuts a group between processes: then some are played for nothing.
        """
        from trl.models.utils import unwrap_model_for_generation

        samples = max(Counter(task.digest for task in tasks).values())
        distinct = list({task.digest: task for task in tasks}.values())
        with unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model:
            training = model.training
            model.eval()  # dropout would make the sampler another policy; checkpointing would forbid its cache
            try:
                groups = asyncio.run(
                    collect(
                        self._tasks.environments,
                        self._actor(model, trainer),
                        distinct,
                        samples,
                        seed=seed,
                        turn_limit=self._options.turn_limit,
                    )
                )
            finally:
                model.train(training)
        played = {group.task.digest: iter(group.trajectories) for group in groups}
        return [next(played[task.digest]) for task in tasks]

    def _actor(self, model: Any, trainer: Any) -> ModelActor:
        # A sampler of its own for every rollout: it takes the present weights, and its cache is gone while TRL learns.
        return ModelActor(
            HFSampler(self._options.sampler, model=model),
            ChatEncoder(trainer.processing_class),
            prompt_format(self._options.format),
            lanes=self._options.sampler.slots,
            temperature=trainer.temperature,
            max_new_tokens=self._options.max_new_tokens,
            shots=self._options.shots,
        )


def trl_row(trajectory: Trajectory, filler: int) -> dict[str, list[Any]]:
    """Return one trajectory as TRL's `prompt_ids`, `completion_ids`, `logprobs` and `env_mask`.

    The prompt ends before the first sampled token, the completion with the last one; `env_mask` and `logprobs` belong
    to the completion, 1 and the sampler's logprob at sampled tokens, 0 and 0.0 at what the environment said. A
    trajectory that teaches nothing (spoiled by the machine, or without a turn) becomes the token `filler` with mask 0,
    as TRL needs a token. Raises RunError for a trajectory of several rows, and for tokens of doubtful provenance.
    """
    rows, drift = build_rows(trajectory, Credit(turns=(0.0,) * len(trajectory.turns)))
    if trajectory.masked or not rows:
        return {"prompt_ids": [filler], "completion_ids": [filler], "logprobs": [0.0], "env_mask": [0]}
    if len(rows) > 1:
        raise RunError(
            f"an episode of {trajectory.task.id} makes {len(rows)} training rows, because its context did not only "
            "grow; GRPOTrainer takes one row an episode: play with the full history"
        )
    if drift:
        raise RunError(f"an episode of {trajectory.task.id} holds {drift} tokens that the sampler did not see as such")
    (row,) = rows
    start = row.positions[0]
    logprobs, mask = [0.0] * (len(row.ids) - start), [0] * (len(row.ids) - start)
    for position, logprob in zip(row.positions, row.old_logprobs, strict=True):
        logprobs[position - start], mask[position - start] = logprob, 1
    return {
        "prompt_ids": row.ids[:start],
        "completion_ids": row.ids[start:],
        "logprobs": logprobs,
        "env_mask": mask,
    }


_UNTOUCHED = {"top_p": (1.0,), "top_k": (0, None), "min_p": (None, 0.0), "repetition_penalty": (1.0,)}
"""Sampling options of TRL -> the values at which they change nothing."""


def _check_sampling(trainer: Any) -> None:
    """Refuse what would make the sampler another distribution than the one that TRL trains."""
    for name, harmless in _UNTOUCHED.items():
        if getattr(trainer, name) not in harmless:
            raise ConfigError(
                f"GRPOConfig.{name}: found {getattr(trainer, name)}, expected {harmless[0]}: rftcore samples from the "
                "model's own distribution"
            )
    if trainer.temperature == 0.0:
        raise ConfigError("GRPOConfig.temperature: found 0.0, expected more: all samples of a task would be equal")
    if trainer.use_vllm:
        raise ConfigError("GRPOConfig.use_vllm: found True, expected False: rollout_func samples with rftcore's own")
