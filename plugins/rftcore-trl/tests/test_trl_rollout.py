"""Training with `rollout_func`: the same seed gives the same weights, a stopped run too, and failures never teach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from trl import GRPOTrainer

from rftcore.environment import Episode
from rftcore.errors import ConfigError, EpisodeError
from rftcore.schemas.task import Task
from rftcore_trl import episode_reward, rollout_func

Make = Callable[..., GRPOTrainer]


def weights(trainer: GRPOTrainer) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in trainer.model.parameters()])


def test_one_seed_gives_the_same_weights_and_a_resumed_run_plays_as_one_never_stopped(
    make_trainer: Make, letters: Any, tmp_path: Path
) -> None:
    whole, stopped = make_trainer(steps=3), make_trainer(steps=2, save_steps=1)
    start = weights(whole).clone()
    whole.train()
    again = make_trainer(steps=3)
    again.train()
    assert torch.equal(weights(again), weights(whole))
    stopped.train()
    resumed = make_trainer(steps=3)
    resumed.train(resume_from_checkpoint=str(tmp_path / "trl" / "checkpoint-2"))
    assert not torch.equal(weights(whole), start)
    assert torch.allclose(weights(resumed), weights(whole), atol=1e-5)
    other = make_trainer(rollout_func(letters, max_new_tokens=4, seed=1), steps=3)
    other.train()
    assert not torch.allclose(weights(other), weights(whole), atol=1e-3)


def test_what_trl_computes_at_sampled_tokens_is_what_the_sampler_recorded(make_trainer: Make) -> None:
    trainer = make_trainer(temperature=0.7)
    prompts = [row["prompt"] for row in trainer.train_dataset for _ in range(3)][:12]
    played = trainer.rollout_func(prompts, trainer)
    assert len(played["prompt_ids"]) == 12
    assert len(set(played["episode_return"])) > 1
    assert {len(logprobs) for logprobs in played["logprobs"]} == {len(mask) for mask in played["env_mask"]}
    for prompt, completion, logprobs, mask in zip(
        *(played[key] for key in ("prompt_ids", "completion_ids", "logprobs", "env_mask")), strict=True
    ):
        ids = torch.tensor([prompt + completion])
        found, _, _ = trainer._get_per_token_logps_and_entropies(
            trainer.model, ids, torch.ones_like(ids), len(completion)
        )
        asked = torch.tensor(mask, dtype=torch.bool)
        assert torch.allclose(found[0][asked], torch.tensor(logprobs)[asked], atol=1e-5)
        assert set(torch.tensor(logprobs)[~asked].tolist()) <= {0.0}
        assert mask[0] == mask[-1] == 1
        assert 0 in mask


def test_tasks_that_are_asked_for_unequally_often_get_as_many_episodes_in_order(make_trainer: Make) -> None:
    trainer = make_trainer()
    rows = [trainer.train_dataset[number]["prompt"] for number in (2, 2, 0, 2, 1, 1)]
    played = trainer.rollout_func(rows, trainer)
    # Task n says "a" n + 1 times.
    said = [trainer.processing_class.decode(ids).count("a") for ids in played["prompt_ids"]]
    longest = max(said) - 3
    assert [count - longest for count in said] == [3, 3, 1, 3, 2, 2]


def test_shots_are_part_of_the_prompt_and_of_no_loss(make_trainer: Make, letters: Any) -> None:
    trainer = make_trainer(rollout_func(letters, max_new_tokens=4, shots=1))
    played = trainer.rollout_func([trainer.train_dataset[3]["prompt"]], trainer)
    prompt = trainer.processing_class.decode(played["prompt_ids"][0])
    assert prompt.count("<|agent|>even<|end|>") == 2
    assert prompt.endswith("<|user|>a a a a<|end|><|agent|>")


def test_an_episode_that_the_machine_spoiled_has_no_reward_and_no_token(make_trainer: Make, letters: Any) -> None:
    class Unreliable(type(letters)):
        def start(self, task: Task) -> Episode:
            if task.seed == 1:
                raise EpisodeError("the power is out")
            return super().start(task)

    trainer = make_trainer(rollout_func(Unreliable(), max_new_tokens=4), steps=4)
    rows = [trainer.train_dataset[number]["prompt"] for number in (1, 1, 0)]
    played = trainer.rollout_func(rows, trainer)
    assert played["machine_failed"] == [True, True, False]
    assert played["env_mask"][:2] == [[0], [0]]
    logged: dict[str, float] = {}
    rewards = episode_reward(**{**played, "success": [False, False, True]}, log_metric=logged.__setitem__)
    assert rewards == [None, None, played["episode_return"][2]]
    assert logged == {"success": 1.0}
    trainer.train()
    assert torch.isfinite(weights(trainer)).all()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"top_p": 0.9}, r"GRPOConfig.top_p: found 0.9, expected 1.0"),
        ({"top_k": 5}, r"GRPOConfig.top_k: found 5, expected 0"),
        ({"min_p": 0.1}, r"GRPOConfig.min_p: found 0.1, expected None"),
        ({"repetition_penalty": 1.1}, r"GRPOConfig.repetition_penalty: found 1.1"),
    ],
)
def test_sampling_from_another_distribution_than_the_model_s_is_refused(
    option: dict[str, Any], message: str, make_trainer: Make
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_trainer(**option).train()
