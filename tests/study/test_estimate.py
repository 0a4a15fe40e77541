"""What a run will cost, worked out by hand on the environments of the plugin `chance`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from rftcore.estimate import CPU_RATE, GPU_RATE, Range, estimate, rate
from rftcore.study import Study


def planned(model: Path | str, **changes: Any) -> Study:
    fields: dict[str, Any] = {
        "model": str(model),
        "axes": {"transfer": ["even:easy"]},
        "training": {"updates": 5, "groups": 2, "samples": 3},
        "evaluation": {"tasks": 20, "samples": 2},
        "sampling": {"max_new_tokens": 2},
    }
    return Study(**{**fields, **changes})


def test_tokens_go_from_the_expert_s_episode_to_the_limits(model: Path) -> None:
    study = planned(model)
    cost = estimate(study.config, study.blueprint.plan, study.blueprint.environments)
    # "Answer." 7 characters, "even N" and its line separator 7, the expert's "f" 1; 3 turns of at most 2 tokens.
    short, long = (7 + 7 + 1) / 4, (7 + 3 * 7) / 4 + 3 * 2
    assert cost.training == Range(30 * short, 30 * long)
    # Base and one checkpoint play the 8 tasks that there are, twice. Hard: a second turn that says "again".
    hard = (7 + 7 + 1 + 5 + 1) / 4
    assert cost.evaluation.low == pytest.approx(2 * 8 * 2 * (short + hard))


def test_validation_is_part_of_what_evaluation_costs(model: Path) -> None:
    training = {"updates": 5, "groups": 2, "samples": 3, "validation": {"tasks": 3, "samples": 2, "every": 2}}
    with_it, without = (
        estimate(study.config, study.blueprint.plan, study.blueprint.environments)
        for study in (planned(model, training=training), planned(model))
    )
    # Before the first update and after 2, 4 and 5: 3 tasks, twice, of one turn by the expert.
    assert with_it.evaluation.low - without.evaluation.low == pytest.approx(4 * 3 * 2 * (7 + 7 + 1) / 4)
    assert with_it.training == without.training


def test_operations_follow_from_the_parameters_and_a_reference_costs_a_forward_pass_more(model: Path) -> None:
    plain, pulled = (
        estimate(study.config, study.blueprint.plan, study.blueprint.environments)
        for study in (planned(model), planned(model, algorithm={"name": "grpo", "kl": 0.1}))
    )
    assert plain.parameters == AutoModelForCausalLM.from_pretrained(model).num_parameters()
    assert plain.operations is not None and pulled.operations is not None
    assert plain.operations.low == pytest.approx((8 * plain.training.low + 2 * plain.evaluation.low) * plain.parameters)
    assert pulled.operations.low - plain.operations.low == pytest.approx(2 * plain.training.low * plain.parameters)


def test_no_episode_is_longer_than_the_context(model: Path) -> None:
    study = planned(model, sampler={"name": "hf", "max_context": 16}, sampling={"max_new_tokens": 20})
    cost = estimate(study.config, study.blueprint.plan, study.blueprint.environments)
    assert cost.training.high == 30 * 16


def test_a_large_model_is_not_expected_to_run_on_a_core(model: Path) -> None:
    config = planned(model).config
    assert rate(config, 10**6) == CPU_RATE
    assert rate(config, 7 * 10**9) == GPU_RATE
    assert rate(config.model_copy(update={"device": "cuda:1"}), 10**6) == GPU_RATE
