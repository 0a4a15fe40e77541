"""The learner: one optimizer update over any loss. It knows no algorithm and no environment.

Rows go through the model in micro-batches of like length; logits are computed at sampled tokens only. The loss function
receives the totals of the whole update, so micro-batches add up to exactly the loss of the update (see
`rftcore.algorithm`). Runs on accelerate, so that its configuration decides about devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate import Accelerator

from rftcore.errors import RunError
from rftcore.schemas.config import LearnerConfig, LoRA
from rftcore.train.rows import Row

Loss = Callable[..., tuple[torch.Tensor, dict[str, float]]]

_HEAD_ONLY = {"llama", "qwen2", "qwen3", "mistral"}
"""Model types whose logits are `lm_head(hidden states)` and nothing else."""


class Learner:
    """Holds the trained model and its optimizer."""

    def __init__(
        self,
        model: Any,
        config: LearnerConfig,
        *,
        loss: Loss,
        loss_config: Any = None,
        reference: Any = None,
    ) -> None:
        """`reference` is the frozen start policy; give it only when the loss pulls towards it."""
        if config.lora is not None and not hasattr(model, "peft_config"):
            model = _with_lora(model, config.lora)
        self.config = config
        self._loss, self._loss_config, self._reference = loss, loss_config, reference
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(
            trainable, lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=config.weight_decay, foreach=True
        )
        self._accelerator = Accelerator(cpu=not torch.cuda.is_available())
        self.model, self.optimizer = self._accelerator.prepare(model, optimizer)

    def step(self, rows: Sequence[Row], *, temperature: float = 1.0) -> dict[str, float]:
        """Make `minibatches` optimizer steps over `rows`; return figures of the update.

        `sampler_gap` is the largest difference between sampler and learner logprob before the first step.
        Raises RunError when the loss is not finite; the weights are then those before the failing step.
        """
        self.model.train()
        figures: dict[str, float] = {}
        parts = [list(rows[start :: self.config.minibatches]) for start in range(self.config.minibatches)]
        parts = [part for part in parts if part]
        for index, part in enumerate(parts):
            for name, value in self._optimize(part, temperature).items():
                if name == "sampler_gap":
                    if index == 0:
                        figures[name] = value
                else:
                    figures[name] = figures.get(name, 0.0) + value / len(parts)
        self.model.eval()
        return figures

    def logprobs(self, rows: Sequence[Row], *, temperature: float = 1.0) -> list[list[float]]:
        """Return the learner's own logprob of each sampled token, per row."""
        result: list[list[float]] = [[] for _ in rows]
        with torch.no_grad():
            for batch in micro_batches(rows, self.config.micro_tokens):
                picked = [rows[index] for index in batch]
                logprobs, _ = token_logprobs(self.model, picked, temperature)
                for index, row, values in zip(batch, picked, logprobs.tolist(), strict=True):
                    result[index] = values[: len(row.positions)]
        return result

    def _optimize(self, rows: list[Row], temperature: float) -> dict[str, float]:
        tokens = sum(len(row.positions) for row in rows)
        figures = {"loss": 0.0, "entropy": 0.0, "sampler_gap": 0.0}
        for batch in micro_batches(rows, self.config.micro_tokens):
            picked = [rows[index] for index in batch]
            logprobs, entropy = token_logprobs(self.model, picked, temperature)
            old, mask = _padded(picked, "old_logprobs", logprobs), _mask(picked, logprobs)
            reference = None
            if self._reference is not None:
                with torch.no_grad():
                    reference, _ = token_logprobs(self._reference, picked, temperature)
            loss, extra = self._loss(
                logprobs=logprobs,
                old_logprobs=old,
                advantages=_padded(picked, "advantages", logprobs),
                mask=mask,
                config=self._loss_config,
                reference_logprobs=reference,
                tokens=tokens,
                rows=len(rows),
            )
            if not math.isfinite(loss.item()):
                self.optimizer.zero_grad()
                raise RunError(f"the loss is {loss.item()}: lower learner.learning_rate, or look at the last rewards")
            self._accelerator.backward(loss)
            figures["loss"] += loss.item()
            figures["entropy"] += (entropy * mask).sum().item() / tokens
            gap = ((logprobs.detach() - old).abs() * mask).max().item()
            figures["sampler_gap"] = max(figures["sampler_gap"], gap)
            for name, value in extra.items():
                figures[name] = figures.get(name, 0.0) + value
        norm = self._accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        figures["grad_norm"] = float(norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return figures


def micro_batches(rows: Sequence[Row], tokens: int) -> list[list[int]]:
    """Return indices of `rows` in batches of like length, each of at most `tokens` padded tokens (at least one row)."""
    order = sorted(range(len(rows)), key=lambda index: (len(rows[index].ids), index))
    batches: list[list[int]] = []
    for index in order:
        if batches and (len(batches[-1]) + 1) * len(rows[index].ids) <= tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def token_logprobs(model: Any, rows: Sequence[Row], temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logprob and entropy (nats, no gradient) of each row's sampled tokens, both [rows, most sampled tokens].

    Entries beyond a row's own sampled tokens are 0.
    """
    device = next(model.parameters()).device
    width = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = torch.tensor(row.ids)
    ids = ids.to(device)
    counts = [len(row.positions) for row in rows]
    places = torch.tensor([p for row in rows for p in row.positions], device=device)
    owners = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(counts)).to(device)
    columns = torch.cat([torch.arange(count) for count in counts]).to(device)
    logits = _logits_at(model, ids, owners, places - 1).float() / temperature
    logp = torch.log_softmax(logits, dim=-1)
    chosen = logp.gather(-1, ids[owners, places][:, None]).squeeze(-1)
    with torch.no_grad():
        entropy = -(logp.exp() * logp).sum(-1)
    shape = (len(rows), max(counts))
    return (
        torch.zeros(shape, device=device).index_put((owners, columns), chosen),
        torch.zeros(shape, device=device).index_put((owners, columns), entropy),
    )


def _logits_at(model: Any, ids: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Return logits [N, vocabulary] at N places. Padding is on the right, so causality alone keeps it out."""
    if model.config.model_type in _HEAD_ONLY and not hasattr(model, "peft_config"):
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
        return model.lm_head(hidden[rows, columns])  # type: ignore[no-any-return]
    return model(input_ids=ids, use_cache=False).logits[rows, columns]  # type: ignore[no-any-return]


def _padded(rows: Sequence[Row], name: str, like: torch.Tensor) -> torch.Tensor:
    result = torch.zeros(like.shape)
    for index, row in enumerate(rows):
        values = getattr(row, name)
        result[index, : len(values)] = torch.tensor(values)
    return result.to(like.device)


def _mask(rows: Sequence[Row], like: torch.Tensor) -> torch.Tensor:
    counts = torch.tensor([len(row.positions) for row in rows])
    return (torch.arange(like.shape[1])[None] < counts[:, None]).float().to(like.device)


def _with_lora(model: Any, config: LoRA) -> Any:
    from peft import LoraConfig, get_peft_model

    targets = config.targets if isinstance(config.targets, str) else list(config.targets)
    settings = LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=targets, task_type="CAUSAL_LM")
    return get_peft_model(model, settings)
