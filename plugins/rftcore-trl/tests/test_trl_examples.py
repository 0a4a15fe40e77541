"""The examples really train: rewards differ, the loss is not zero, weights move, and only sampled tokens teach."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
import trl

EXAMPLES = Path(__file__).parents[3] / "examples" / "trl"


class Watched(trl.GRPOTrainer):
    """TRL's trainer, which also remembers its start, its batches, and the gradient at each token's logprob."""

    last: Watched

    def train(self, *arguments: Any, **options: Any) -> Any:
        self.start = {name: weight.detach().clone() for name, weight in self.model.named_parameters()}
        self.batches: list[tuple[dict[str, torch.Tensor], torch.Tensor]] = []
        Watched.last = self
        return super().train(*arguments, **options)

    def _get_per_token_logps_and_entropies(self, *arguments: Any, **options: Any) -> Any:
        found = super()._get_per_token_logps_and_entropies(*arguments, **options)
        self.logprobs = found[0]
        return found

    def _compute_loss(self, model: Any, inputs: Any) -> torch.Tensor:
        loss = super()._compute_loss(model, inputs)
        (gradient,) = torch.autograd.grad(loss, self.logprobs, retain_graph=True)
        self.batches.append((inputs, gradient))
        return loss


def trained(example: str, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    monkeypatch.setattr(trl, "GRPOTrainer", Watched)
    monkeypatch.syspath_prepend(str(EXAMPLES))  # as when an example is run as a program
    runpy.run_path(str(EXAMPLES / f"{example}.py"))
    trainer = Watched.last
    updates = trainer.state.log_history[:-1]
    assert len(updates) == 2
    assert any(update["reward_std"] > 0 and update["loss"] != 0 and update["grad_norm"] > 0 for update in updates)
    moved = [name for name, weight in trainer.model.named_parameters() if not torch.equal(weight, trainer.start[name])]
    assert len(moved) == len(trainer.start)
    return trainer


def pieces(trainer: Watched) -> tuple[list[str], list[str]]:
    """Return the texts that carried a gradient and those in between, of every episode that had an advantage."""
    taught, said = [], []
    for inputs, gradient in trainer.batches:
        mask = inputs["completion_mask"] * inputs["tool_mask"]
        for row, advantage in enumerate(inputs["advantages"].tolist()):
            length = int(inputs["completion_mask"][row].sum())
            carried = (gradient[row] != 0).long()
            assert torch.equal(carried, mask[row] if advantage else torch.zeros_like(mask[row]))
            ids, marks = inputs["completion_ids"][row, :length].tolist(), carried[:length].tolist()
            if not advantage:
                continue
            for run in re.finditer("1+|0+", "".join(map(str, marks))):
                text = trainer.processing_class.decode(ids[run.start() : run.end()])
                (taught if run.group().startswith("1") else said).append(text)
    return taught, said


@pytest.mark.parametrize("example", ["rollout_func", "dataset"])
def test_what_rftcore_plays_teaches_by_answers_alone(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trained(example, monkeypatch)
    taught, said = pieces(trainer)
    assert len(taught) > len(said) > 0
    assert all("<|user|>" not in text and "<|agent|>" not in text for text in taught)
    assert all(re.fullmatch(r"(<\|end\|>)?<\|user\|>[^<]*<\|end\|><\|agent\|>", text) for text in said)


def test_calls_of_the_tool_teach_and_its_answers_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trained("environment_factory", monkeypatch)
    taught, said = pieces(trainer)
    assert any(text.startswith('<tool_call>\n{"name": "act", "arguments": {"action": ') for text in taught)
    assert said
    answer = r"\n<\|im_start\|>user\n<tool_response>\n[^<]*\n</tool_response><\|im_end\|>\n<\|im_start\|>assistant\n"
    assert all(re.fullmatch(answer, text) for text in said)
    assert not any(re.search(answer, text) for text in taught)
