"""RLOO's credit, loss and gradient equal those of TRL's RLOOTrainer on the same rows.

TRL itself pads, masks, takes the penalty off the returns and scores crafted completions with a really tiny model. Our
side gets the same returns and, in full rows rather than TRL's completion window, the same log probabilities.
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
from trl import RLOOConfig, RLOOTrainer

from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn
from rftcore_reinforce.loss import rloo_loss
from rftcore_reinforce.rloo import RLOO

GROUP, VOCABULARY = 4, 24
RETURNS = [1.0, 0.0, 0.25, 0.0, 0.5, 0.5, 0.5, 0.5, 0.0, 1.0, 1.0, 0.7]
PROMPTS = [3, 3, 3, 3, 1, 1, 1, 1, 5, 5, 5, 5]
LENGTHS = [6, 1, 4, 9, 2, 2, 3, 4, 4, 1, 9, 8]
"""Tokens of each prompt and of each completion."""


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


def crafted(prompts: list[str]) -> tuple[list[list[int]], list[list[int]], list[str]]:
    draw = torch.Generator().manual_seed(1)
    tokens = [
        torch.randint(2, VOCABULARY, (prompt + length,), generator=draw).tolist()
        for prompt, length in zip(PROMPTS, LENGTHS, strict=True)
    ]
    asked = [ids[:size] for ids, size in zip(tokens, PROMPTS, strict=True)]
    return asked, [ids[size:] for ids, size in zip(tokens, PROMPTS, strict=True)], [""] * len(tokens)


def score(prompts: list[str], **columns: Any) -> list[float]:
    return RETURNS


def shift(model: Any, size: float, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=draw))


def trainer_of(start: Path, output: Path, **options: Any) -> RLOOTrainer:
    words = {"<pad>": 0, "<end>": 1, **{f"w{index}": index for index in range(2, VOCABULARY)}}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="<pad>")), pad_token="<pad>", eos_token="<end>"
    )
    args = RLOOConfig(
        output_dir=str(output),
        per_device_train_batch_size=len(RETURNS),
        num_generations=GROUP,
        epsilon=0.2,
        max_steps=1,
        report_to=[],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        **options,
    )
    trainer = RLOOTrainer(
        model=str(start),
        reward_funcs=score,
        args=args,
        train_dataset=Dataset.from_dict({"prompt": ["w2"] * len(RETURNS)}),
        processing_class=tokenizer,
    )
    trainer._generate = crafted
    trainer.model.train()
    return trainer


def row_logprobs(model: Any, inputs: dict[str, Any]) -> torch.Tensor:
    """Return the log probability of each token of the whole rows, prompts included; 0.0 for the first."""
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    attention = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
    logits = model(input_ids=ids, attention_mask=attention).logits[:, :-1]
    chosen = logits.log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    return torch.nn.functional.pad(chosen, (1, 0))


def our_advantages(algorithm: RLOO, old: torch.Tensor, reference: torch.Tensor, width: int) -> torch.Tensor:
    task = Task(environment="toy", id="toy/easy/train/0", split="train", difficulty="easy", seed=0)
    played, of_reference = [], []
    for row, (ret, length) in enumerate(zip(RETURNS, LENGTHS, strict=True)):
        sampled = slice(width, width + length)
        turn = Turn(
            observation="",
            text="",
            action="",
            reward=ret,
            valid=True,
            token_ids=tuple(range(length)),
            logprobs=tuple(old[row, sampled].tolist()),
        )
        played.append(Trajectory(task=task, sample=0, turns=(turn,), status="completed", ret=ret, success=False))
        of_reference.append([reference[row, sampled].tolist()])
    cuts = range(0, len(RETURNS), GROUP)
    groups = [Group(task=task, trajectories=tuple(played[at : at + GROUP])) for at in cuts]
    credits = algorithm.credit(groups, reference=[of_reference[at : at + GROUP] for at in cuts])
    return torch.tensor([credit.turns[0] for own in credits for credit in own if credit is not None])


def gradient(model: Any, loss: torch.Tensor) -> torch.Tensor:
    model.zero_grad()
    loss.backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("kl", [0.0, 0.1])
def test_credit_loss_gradient_and_figures_equal_those_of_trl(
    kl: float, normalize: bool, start: Path, tmp_path: Path
) -> None:
    trainer = trainer_of(start, tmp_path, beta=kl, normalize_advantages=normalize)
    shift(trainer.model, 0.1, seed=2)
    inputs = trainer._generate_and_score_completions([{"prompt": "w2"}] * len(RETURNS))
    with torch.no_grad():
        old = row_logprobs(trainer.model, inputs)
        reference = row_logprobs(Qwen2ForCausalLM.from_pretrained(start), inputs)
    shift(trainer.model, 0.03, seed=3)

    algorithm, width = RLOO(kl=kl, normalize_advantages=normalize), inputs["prompt_ids"].shape[1]
    advantages = our_advantages(algorithm, old, reference, width)
    assert advantages.tolist() == pytest.approx(inputs["advantages"].tolist(), abs=1e-5)

    expected = trainer._compute_loss(trainer.model, inputs)
    now = row_logprobs(trainer.model, inputs)
    loss, figures = rloo_loss(
        logprobs=now,
        old_logprobs=old,
        advantages=advantages[:, None].expand_as(now),
        mask=torch.nn.functional.pad(inputs["completion_mask"].float(), (width, 0)),
        config=algorithm.config,
    )
    assert abs(expected.item()) > 1e-4
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    wanted, found = gradient(trainer.model, expected), gradient(trainer.model, loss)
    assert wanted.abs().max() > 0.01
    assert (found - wanted).abs().max().item() < 1e-5
    assert figures["clipped_low"] + figures["clipped_high"] > 0
