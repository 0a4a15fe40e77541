"""The memory of a job, added up by hand for a model of two layers, and held against a real process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rftcore.estimate import Length, Range
from rftcore.memory import CONTEXT, PROCESS, SLACK, Need, need_of_playing, need_of_training, total
from rftcore.schemas.config import ExperimentConfig
from tests.study.shapes import BYTES, WEIGHTS, shape

LENGTH = Length(Range(10, 20), Range(2, 10), Range(0, 0))
TOKEN = 2 * 2 * 1 * 4 * 4
"""Keys and values of two layers, one head of four numbers each, of four bytes."""


def config(**changes: Any) -> ExperimentConfig:
    fields: dict[str, Any] = {
        "train": "even",
        "training": {"groups": 1, "samples": 2},
        "learner": {"micro_tokens": 64},
        "sampler": {"name": "hf", "slots": 4, "max_context": 32},
        "evaluation": {"tasks": 2, "samples": 2},
    }
    return ExperimentConfig.model_validate({**fields, **changes})


def parts(need: Need) -> dict[str, Range]:
    return dict(need.gpu or need.machine)


def test_what_is_kept_through_a_stage_is_counted_exactly(tmp_path: Path) -> None:
    need = need_of_training(config(), shape(tmp_path), LENGTH, on_gpu=False)
    assert need.gpu == {}
    found = parts(need)
    assert found["Python and torch"] == PROCESS
    assert found["weights"] == found["gradients"] == found["the sampler's copy of the weights"] == Range(BYTES, BYTES)
    assert found["AdamW's averages"] == Range(2 * BYTES, 2 * BYTES)
    # Two episodes fill 10 tokens each; four slots have room for 256 tokens and one of padding.
    assert found["keys and values"] == Range(2 * 10 * TOKEN, 4 * 257 * TOKEN)
    assert set(found) == {
        "Python and torch",
        "weights",
        "gradients",
        "AdamW's averages",
        "the sampler's copy of the weights",
        "keys and values",
        "a forward and backward pass",
    }


def test_a_pass_keeps_what_autograd_keeps_of_each_token_and_the_logits_of_sampled_ones(tmp_path: Path) -> None:
    found = parts(need_of_training(config(), shape(tmp_path), LENGTH, on_gpu=False))["a forward and backward pass"]
    # A token and a layer: norms 4 x 8, queries and output 3 x 8, keys and values 2 x 4, the MLP 4 x 16.
    layer = 32 + 24 + 8 + 64
    stacked = 4 * 2 * (64 + 32 + 32 + 2 * 128)
    # At least one row of 10 tokens with 2 sampled ones, and 3 tables of logits; yet the step takes more.
    low = 10 * 2 * layer * 4 + 2 * 3 * 400 + stacked - BYTES
    assert low < BYTES == found.low
    # At most two rows of 20 tokens, 10 of them sampled; one layer's gradients; 5 tables.
    more = 2 * 8 + 8 + 16
    assert found.high == SLACK * (40 * (2 * (layer + more) + layer) * 4 + 20 * 5 * 400 + 2 * stacked)


def test_a_micro_batch_is_no_larger_than_its_budget_unless_one_row_is(tmp_path: Path) -> None:
    def high(micro: int, **training: int) -> float:
        changed = config(learner={"micro_tokens": micro}, training={"groups": 8, "samples": 8, **training})
        return parts(need_of_training(changed, shape(tmp_path), long, on_gpu=True))["a forward and backward pass"].high

    long = Length(Range(10, 30), Range(2, 10), Range(0, 0))
    assert high(128) == pytest.approx(2 * high(64))
    few = config(learner={"micro_tokens": 4096}, training={"groups": 1, "samples": 2})
    found = parts(need_of_training(few, shape(tmp_path), long, on_gpu=True))["a forward and backward pass"].high
    assert found == pytest.approx(high(64) * 60 / 64)  # there are no more than two rows


def test_adapters_alone_have_gradients_and_averages_in_float32(tmp_path: Path) -> None:
    changed = config(learner={"lora": {"rank": 2}}, dtype="bfloat16", algorithm={"name": "grpo", "kl": 0.1})
    found = parts(need_of_training(changed, shape(tmp_path), LENGTH, on_gpu=False))
    adapters = 4 * 2 * 2 * (2 * 16 + 2 * 12 + 3 * 24)
    assert found["weights"] == Range(2 * WEIGHTS, 2 * WEIGHTS)
    assert found["gradients"] == Range(adapters, adapters)
    assert found["AdamW's averages"] == Range(2 * adapters, 2 * adapters)
    assert "start policy" not in found  # it is the model without them


def test_a_start_policy_and_a_critic_of_its_own_are_further_models(tmp_path: Path) -> None:
    pulled = config(algorithm={"name": "grpo", "kl": 0.1})
    assert parts(need_of_training(pulled, shape(tmp_path), LENGTH, on_gpu=False))["start policy"] == Range(BYTES, BYTES)
    valued = config(algorithm={"name": "ppo", "critic": {"model": "start"}})
    found = parts(need_of_training(valued, shape(tmp_path), LENGTH, on_gpu=False))
    assert found["critic"] == Range(4 * BYTES, 4 * BYTES)  # weights, gradients, two averages
    assert "critic" not in parts(need_of_training(config(algorithm="ppo"), shape(tmp_path), LENGTH, on_gpu=False))


def test_a_process_that_plays_ahead_is_a_second_one(tmp_path: Path) -> None:
    ahead = config(training={"groups": 1, "samples": 2, "max_staleness": 1})
    found = parts(need_of_training(ahead, shape(tmp_path), LENGTH, on_gpu=False))
    assert found["the process that plays ahead"] == total(
        need_of_playing(ahead, shape(tmp_path), LENGTH, on_gpu=False).machine
    )


def test_an_evaluation_has_weights_twice_and_what_its_episodes_fill(tmp_path: Path) -> None:
    found = parts(need_of_playing(config(), shape(tmp_path), LENGTH, on_gpu=False))
    assert found == {
        "Python and torch": PROCESS,
        "weights": Range(BYTES, BYTES),
        "the sampler's copy of the weights": Range(BYTES, BYTES),
        "keys and values": Range(4 * 10 * TOKEN, 4 * 257 * TOKEN),
        # Three tables of logits for four conversations, and a layer of 80 tokens of prompts.
        "a step of the sampler": Range(0, 3 * 4 * 400 + 80 * (2 * 16 + 6 * 8) * 4),
    }


def test_another_sampler_s_memory_is_not_guessed(tmp_path: Path) -> None:
    served = config(sampler={"name": "vllm-server", "urls": ["http://there"]})
    found = parts(need_of_playing(served, shape(tmp_path), LENGTH, on_gpu=False))
    assert {name for name, part in found.items() if part.high} == {"Python and torch", "weights"}


def test_on_a_gpu_the_machine_has_the_weights_while_they_are_loaded(tmp_path: Path) -> None:
    need = need_of_training(config(device="cuda"), shape(tmp_path), LENGTH, on_gpu=True)
    assert need.machine == {
        "Python, torch and CUDA": PROCESS + CONTEXT,
        "weights while they are loaded": Range(0, BYTES),
    }
    assert need.gpu["CUDA"] == CONTEXT
    assert need.gpu["keys and values"] == Range(4 * 257 * TOKEN, 4 * 257 * TOKEN)  # a GPU's is taken at once


def test_on_a_gpu_every_slot_has_room_at_least_for_the_shortest_episode_and_at_most_for_the_longest(
    tmp_path: Path,
) -> None:
    changed = config(device="cuda", sampler={"name": "hf", "slots": 4, "max_context": 512})

    def found(low: float, high: float) -> Range:
        length = Length(Range(low, high), Range(2, 10), Range(0, 0))
        return parts(need_of_playing(changed, shape(tmp_path), length, on_gpu=True))["keys and values"]

    assert found(1, 4000) == Range(4 * 257 * TOKEN, 4 * 513 * TOKEN)  # nothing is known: room is for 256 at first
    # The first context of 300 takes room for 300; only one that outgrows 256 has it doubled.
    assert found(300, 300) == Range(4 * 301 * TOKEN, 4 * 513 * TOKEN)
    assert found(4000, 4000) == Range(4 * 513 * TOKEN, 4 * 513 * TOKEN)


def test_split_weights_are_a_part_for_each_process_and_a_whole_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched = {"RANK": 0, "WORLD_SIZE": 4, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "x", "MASTER_PORT": 1}
    for name, value in launched.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    need = need_of_training(config(device="cuda"), shape(tmp_path), LENGTH, on_gpu=True)
    assert need.gpu["weights"] == Range(BYTES, BYTES)
    assert need.gpu["this process's part of the weights"] == need.gpu["gradients"] == Range(BYTES / 4, BYTES / 4)
    assert need.gpu["AdamW's averages"] == Range(BYTES / 2, BYTES / 2)
    assert need.machine["Python, torch and CUDA"] == (PROCESS + CONTEXT) * 2  # two of the four are on this machine
