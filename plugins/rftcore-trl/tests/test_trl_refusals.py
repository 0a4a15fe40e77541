"""What GRPOTrainer cannot express is refused with a reason, and rows that fit are the ones worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from trl import GRPOConfig

from rftcore.algorithm import Algorithm
from rftcore.errors import ConfigError, RunError
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Trajectory, Turn
from rftcore.train.sampler import checksum
from rftcore_gigpo.algorithm import GiGPO
from rftcore_grpo.algorithm import GRPO
from rftcore_reinforce.reinforce_pp import ReinforcePP
from rftcore_trl import dataset, grpo_arguments, rollout_func
from rftcore_trl.dataset import Tasks
from rftcore_trl.rollout import trl_row

TASK = Task(environment="letters", id="letters/easy/train/0", split="train", difficulty="easy", seed=0)


def turn(context: list[int], keep: int, prompt: tuple[int, ...], sampled: tuple[int, ...], **changes: Any) -> Turn:
    context[:] = [*context[:keep], *prompt, *sampled]
    return Turn(
        **{
            "observation": "a",
            "text": "b",
            "action": "b",
            "reward": 0.0,
            "valid": True,
            "keep": keep,
            "prompt_ids": prompt,
            "token_ids": sampled,
            "logprobs": tuple(-token / 4 for token in sampled),
            "checksum": checksum(context),
            **changes,
        }
    )


def trajectory(*turns: Turn) -> Trajectory:
    return Trajectory(task=TASK, sample=0, turns=turns, status="completed", ret=1.0, success=True)


def test_two_turns_are_one_row_whose_mask_is_zero_where_the_environment_spoke() -> None:
    context: list[int] = []
    played = trajectory(turn(context, 0, (1, 5, 9), (7, 2)), turn(context, 5, (8, 9), (4, 2)))
    assert trl_row(played, filler=0) == {
        "prompt_ids": [1, 5, 9],
        "completion_ids": [7, 2, 8, 9, 4, 2],
        "logprobs": [-1.75, -0.5, 0.0, 0.0, -1.0, -0.5],
        "env_mask": [1, 1, 0, 0, 1, 1],
    }


def test_an_episode_that_forks_is_refused() -> None:
    context: list[int] = []
    forked = trajectory(turn(context, 0, (1, 5, 9), (7, 2)), turn(context, 2, (8, 9), (4, 2)))
    with pytest.raises(RunError, match="makes 2 training rows, because its context did not only grow"):
        trl_row(forked, filler=0)


def test_a_token_that_the_sampler_did_not_see_is_refused() -> None:
    with pytest.raises(RunError, match="holds 2 tokens that the sampler did not see"):
        trl_row(trajectory(turn([], 0, (1, 5, 9), (7, 2), checksum=3)), filler=0)


def test_a_windowed_history_is_refused_before_anything_is_played(letters: Any) -> None:
    with pytest.raises(ConfigError, match="an episode becomes several training rows"):
        rollout_func(letters, history={"name": "window", "turns": 3})


def test_an_unknown_option_is_an_error_with_the_nearest_name(letters: Any) -> None:
    with pytest.raises(ConfigError, match="max_new_token: unknown key; did you mean 'max_new_tokens'"):
        rollout_func(letters, max_new_token=4)


class WithCritic(Algorithm):
    """Any algorithm of that name."""

    name = "ppo"

    def credit(self, groups: Any, *, values: Any = None, reference: Any = None) -> Any:
        raise AssertionError("is refused by its name")


@pytest.mark.parametrize(
    ("algorithm", "reason"),
    [
        (GiGPO(), "'gigpo', which gives each turn a credit of its own; expected 'grpo'"),
        (WithCritic(), "'ppo', which needs the values of a critic"),
        (ReinforcePP(), "'reinforce_pp', which gives each token a credit of its own"),
        (GRPO(), "algorithm.dynamic_sampling: found true, expected false"),
        (GRPO(dynamic_sampling=False, correction="token"), "algorithm.correction: found 'token', expected 'none'"),
        (GRPO(dynamic_sampling=False, objective="cispo"), "algorithm.clip_low: found 0.2, expected 1.0"),
        (GRPO(dynamic_sampling=False, objective="sapo"), "aggregation: found 'token', which TRL does not have"),
    ],
)
def test_an_algorithm_that_trl_does_not_have_is_refused_with_the_reason(algorithm: Algorithm, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        grpo_arguments(algorithm)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"loss_type": "dapo", "epsilon": 0.2, "epsilon_high": 0.28, "beta": 0.0, "scale_rewards": "group"}),
        ({"aggregation": "sequence", "kl": 0.04, "kl_correction": False},
         {"loss_type": "grpo", "beta": 0.04, "use_bias_correction_kl": False}),
        ({"ratio": "sequence", "aggregation": "sequence"}, {"importance_sampling_level": "sequence"}),
        ({"aggregation": "constant", "constant_length": 64, "scale_rewards": "none"},
         {"loss_type": "dr_grpo", "max_completion_length": 64, "scale_rewards": "none"}),
        ({"objective": "cispo", "clip_low": 1.0, "clip_high": 4.0}, {"loss_type": "cispo", "epsilon_high": 5.0}),
        ({"objective": "sapo", "aggregation": "sequence", "gate_positive": 2.0},
         {"loss_type": "sapo", "sapo_temperature_pos": 2.0, "sapo_temperature_neg": 1.05}),
    ],
)  # fmt: skip
def test_options_of_grpo_are_those_of_the_trainer_under_its_names(
    options: dict[str, Any], expected: dict[str, Any], tmp_path: Any
) -> None:
    arguments = grpo_arguments(GRPO(dynamic_sampling=False, **options))
    made = GRPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **arguments)
    assert {name: getattr(made, name) for name in expected} == expected


def test_a_row_names_its_task_as_a_column_and_in_its_message(letters: Any) -> None:
    rows = dataset(letters, "test", limit=1)
    assert rows["task"] == ["letters/easy/test/0", "letters/hard/test/0"]
    assert rows[1]["prompt"] == [
        {"role": "user", "content": "Say something.\n\n", "environment": "letters", "task": "letters/hard/test/0"}
    ]
    tasks = Tasks([letters])
    assert [tasks.of_prompt(row["prompt"]).id for row in rows] == rows["task"]


def test_rows_and_prompts_that_lead_nowhere_are_errors(letters: Any) -> None:
    with pytest.raises(ConfigError, match="split: found 'dev', expected train or test"):
        dataset(letters, "dev")
    with pytest.raises(ConfigError, match="difficulty: found 'medium', expected one of easy, hard"):
        dataset(letters, "train", "medium")
    tasks = Tasks([letters])
    with pytest.raises(ConfigError, match="expected one that names its task"):
        tasks.of_prompt("Say something.")
    with pytest.raises(ConfigError, match="names the environment 'chess', expected one of letters"):
        tasks.find("chess", "chess/easy/train/0")
    with pytest.raises(ConfigError, match="names the task 'letters/easy/train/99'"):
        tasks.find("letters", "letters/easy/train/99")
    with pytest.raises(ConfigError, match="two environments named 'letters'"):
        Tasks([letters, letters])
    with pytest.raises(ConfigError, match="found no environment"):
        rollout_func()
