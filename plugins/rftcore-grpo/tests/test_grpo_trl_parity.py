"""Credit, loss and gradient equal those of TRL's GRPOTrainer on the same rows, for every variant that both define.

TRL itself pads, masks, normalizes and scores one crafted multi-turn rollout with a really tiny model. Our side gets the
same returns and, in full rows rather than TRL's completion window, the same log probabilities.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn
from rftcore_grpo.algorithm import GRPO
from rftcore_grpo.loss import grpo_loss

GROUP, VOCABULARY, LENGTH = 4, 24, 12
RETURNS = [1.0, 0.0, 0.25, 0.0, 0.5, 0.5, 0.5, 0.5, 0.0, 1.0, 1.0, 0.7]
"""Three groups of four; the second has no variance."""
MASKS = ["110011", "1", "1101", "111001011", "11", "10", "111", "1111", "1001", "1", "110000111", "11100111"]
"""1 a sampled token, 0 a token of an observation."""
PROMPTS = [3, 3, 3, 3, 1, 1, 1, 1, 5, 5, 5, 5]
"""Tokens of each prompt."""

CRAFTED = list(zip(PROMPTS, MASKS, strict=True))
DRIFT = [-0.8, 0.8, 0.0, -0.8] * 2 + [0.8, 0.8, 0.0, -0.8]
"""Mean of log(old / current) of each row: good and bad rows become likelier or less likely, beyond the clip."""

GSPO = {"ratio": "sequence", "aggregation": "sequence"}
DR_GRPO = {"aggregation": "constant", "constant_length": LENGTH}
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "grpo": ({"loss_type": "grpo"}, {"aggregation": "sequence"}),
    "dr_grpo": ({"loss_type": "dr_grpo", "scale_rewards": "none"}, {**DR_GRPO, "scale_rewards": "none"}),
    "dapo": ({"loss_type": "dapo"}, {}),
    "dapo, batch scale": ({"loss_type": "dapo", "scale_rewards": "batch"}, {"scale_rewards": "batch"}),
    # The mean over the tokens of a micro-batch is that over the update's when there is one micro-batch.
    "bnpo": ({"loss_type": "bnpo"}, {"aggregation": "token"}),
    "gspo": ({"loss_type": "grpo", "importance_sampling_level": "sequence"}, GSPO),
    # TRL's bound of CISPO is the weight's own, not its distance from 1; it has none below.
    "cispo": ({"loss_type": "cispo", "epsilon_high": 1.28}, {"objective": "cispo", "clip_low": 1.0}),
    "sapo": ({"loss_type": "sapo"}, {"objective": "sapo", "aggregation": "sequence"}),
    "sapo, steep": (
        {"loss_type": "sapo", "sapo_temperature_pos": 2.0, "sapo_temperature_neg": 5.0},
        {"objective": "sapo", "aggregation": "sequence", "gate_positive": 2.0, "gate_negative": 5.0},
    ),
    "sapo, sequence": (
        {"loss_type": "sapo", "importance_sampling_level": "sequence"},
        {**GSPO, "objective": "sapo"},
    ),
}
CORRECTIONS: dict[str, dict[str, Any]] = {
    "token_truncate": {"correction": "token"},
    "token_mask": {"correction": "token", "correction_cut": "mask"},
    "sequence_truncate": {"correction": "sequence"},
    "sequence_mask": {"correction": "sequence", "correction_cut": "mask"},
}
"""TRL's names -> our options. TRL applies them to the logprobs that vLLM reports."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model that TRL loads twice: as the policy and as the reference."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        initializer_range=0.5,
    )
    folder = tmp_path_factory.mktemp("start")
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


def rollout(prompts: list[str], trainer: GRPOTrainer) -> dict[str, list[list[float]]]:
    draw = torch.Generator().manual_seed(1)
    tokens = [torch.randint(2, VOCABULARY, (size + len(mask),), generator=draw).tolist() for size, mask in CRAFTED]
    return {
        "prompt_ids": [ids[:size] for ids, (size, _) in zip(tokens, CRAFTED, strict=True)],
        "completion_ids": [ids[size:] for ids, (size, _) in zip(tokens, CRAFTED, strict=True)],
        "logprobs": [[0.0] * len(mask) for _, mask in CRAFTED],
        "env_mask": [[int(flag) for flag in mask] for _, mask in CRAFTED],
    }


def score(prompts: list[str], **columns: Any) -> list[float]:
    return RETURNS


def trained_by_trl(start: Path, output: Path, **options: Any) -> tuple[GRPOTrainer, dict[str, Any]]:
    """Return a trainer whose policy has left the reference, and its scored rollout with older log probabilities."""
    words = {"<pad>": 0, "<end>": 1, **{f"w{index}": index for index in range(2, VOCABULARY)}}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="<pad>")), pad_token="<pad>", eos_token="<end>"
    )
    args = GRPOConfig(
        output_dir=str(output),
        per_device_train_batch_size=len(RETURNS),
        num_generations=GROUP,
        max_completion_length=LENGTH,
        max_steps=1,
        report_to=[],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        **{"epsilon": 0.2, "epsilon_high": 0.28, **options},
    )
    trainer = GRPOTrainer(
        model=str(start),
        reward_funcs=score,
        args=args,
        train_dataset=Dataset.from_dict({"prompt": ["w2"] * len(RETURNS)}),
        processing_class=tokenizer,
        rollout_func=rollout,
    )
    trainer.current_gradient_accumulation_steps = 1
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw))
    trainer.model.train()
    inputs = trainer._generate_and_score_completions([{"prompt": "w2"}] * len(RETURNS))
    current = row_logprobs(trainer.model, inputs).detach()[:, inputs["prompt_ids"].shape[1] :]
    inputs["old_per_token_logps"] = (
        current + 0.3 * torch.randn(current.shape, generator=draw) + torch.tensor(DRIFT)[:, None]
    )
    return trainer, inputs


def row_logprobs(model: Any, inputs: dict[str, Any]) -> torch.Tensor:
    """Return the log probability of each token of the whole rows, prompts included; 0.0 for the first."""
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    attention = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
    logits = model(input_ids=ids, attention_mask=attention).logits[:, :-1]
    chosen = logits.log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    return torch.nn.functional.pad(chosen, (1, 0))


def our_advantages(algorithm: GRPO) -> torch.Tensor:
    task = Task(environment="toy", id="toy/easy/train/0", split="train", difficulty="easy", seed=0)
    turn = Turn(observation="", text="", action="", reward=0.0, valid=True)
    trajectories = [
        Trajectory(task=task, sample=0, turns=(turn,), status="completed", ret=ret, success=False) for ret in RETURNS
    ]
    groups = [
        Group(task=task, trajectories=tuple(trajectories[first : first + GROUP]))
        for first in range(0, len(RETURNS), GROUP)
    ]
    return torch.tensor([credit.turns[0] for own in algorithm.credit(groups) for credit in own if credit is not None])


def our_loss(model: Any, inputs: dict[str, Any], algorithm: GRPO) -> tuple[torch.Tensor, dict[str, float]]:
    logprobs = row_logprobs(model, inputs)
    width = inputs["prompt_ids"].shape[1]

    def whole(tensor: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(tensor.float(), (width, 0))

    reference = inputs.get("ref_per_token_logps")
    return grpo_loss(
        logprobs=logprobs,
        old_logprobs=whole(inputs["old_per_token_logps"]),
        advantages=our_advantages(algorithm)[:, None].expand_as(logprobs),
        mask=whole(inputs["completion_mask"] * inputs["tool_mask"]),
        config=algorithm.config,
        reference_logprobs=None if reference is None else whole(reference),
        sampler_logprobs=whole(inputs["sampling"]) if "sampling" in inputs else None,
    )


def gradient(model: Any, loss: torch.Tensor) -> torch.Tensor:
    model.zero_grad()
    loss.backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


@pytest.mark.parametrize(("kl", "correction"), [(0.0, True), (0.1, True), (0.1, False)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_credit_loss_gradient_and_figures_equal_those_of_trl(
    variant: str, kl: float, correction: bool, start: Path, tmp_path: Path
) -> None:
    theirs, ours = VARIANTS[variant]
    trainer, inputs = trained_by_trl(start, tmp_path, beta=kl, use_bias_correction_kl=correction, **theirs)
    algorithm = GRPO(kl=kl, kl_correction=correction, dynamic_sampling=False, **ours)

    assert our_advantages(algorithm).tolist() == pytest.approx(inputs["advantages"].tolist(), abs=1e-5)
    expected = trainer._compute_loss(trainer.model, inputs)
    loss, figures = our_loss(trainer.model, inputs, algorithm)
    assert abs(expected.item()) > 1e-4
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)

    wanted = gradient(trainer.model, expected)
    found = gradient(trainer.model, loss)
    assert wanted.abs().max() > 0.01
    assert (found - wanted).abs().max().item() < 1e-5

    logged = trainer._metrics["train"]
    if "objective" not in ours:
        assert figures["clipped_low"] > 0
        assert figures["clipped_high"] > 0
    if "objective" not in ours and ours is not GSPO:  # TRL counts a row as one there, we count its tokens
        assert figures["clipped_low"] == pytest.approx(logged["clip_ratio/low_mean"][-1], abs=1e-6)
        assert figures["clipped_high"] == pytest.approx(logged["clip_ratio/high_mean"][-1], abs=1e-6)
    if kl:
        assert figures["kl_reference"] == pytest.approx(logged["kl"][-1], rel=1e-5)
        assert figures["kl_reference"] > 0.01


@pytest.mark.parametrize("objective", ["dapo", "cispo"])
@pytest.mark.parametrize("mode", CORRECTIONS)
def test_correction_for_the_sampler_equals_that_of_trl(mode: str, objective: str, start: Path, tmp_path: Path) -> None:
    theirs, ours = VARIANTS[objective]
    trainer, inputs = trained_by_trl(start, tmp_path, beta=0.1, **theirs)
    draw = torch.Generator().manual_seed(3)
    old = inputs["old_per_token_logps"]
    inputs["sampling"] = old - 1.2 * torch.randn(old.shape, generator=draw)
    # TRL computes this weight where vLLM samples, which a test cannot have, and multiplies it in where it finds it.
    mask = inputs["completion_mask"] * inputs["tool_mask"]
    difference = (old - inputs["sampling"]) * mask
    weight = (difference.sum(-1, keepdim=True) if "sequence" in mode else difference).exp()
    cut = weight.clamp(max=2.0) if "truncate" in mode else weight.masked_fill(weight > 2.0, 0.0)
    assert 0.05 < (cut != weight).float().mean() < 0.95
    inputs["importance_sampling_ratio"] = cut
    trainer.use_vllm, trainer.vllm_importance_sampling_correction = True, True

    algorithm = GRPO(kl=0.1, dynamic_sampling=False, **ours, **CORRECTIONS[mode])
    expected = trainer._compute_loss(trainer.model, inputs)
    loss, figures = our_loss(trainer.model, inputs, algorithm)
    assert abs(expected.item()) > 1e-4
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    wanted, found = gradient(trainer.model, expected), gradient(trainer.model, loss)
    assert wanted.abs().max() > 0.01
    assert (found - wanted).abs().max().item() < 1e-5
    assert figures["correction"] == pytest.approx((cut * mask).sum().item() / mask.sum().item(), rel=1e-5)
