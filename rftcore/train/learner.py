"""The learner: one optimizer update over any loss. It knows no algorithm and no environment.

Rows go through the model in micro-batches (`rftcore.train.logprobs`). The loss function receives the totals of the
whole update, so micro-batches add up to exactly the loss of the update (see `rftcore.algorithm`). Runs on accelerate;
the model stays on the device it came on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from accelerate import Accelerator

from rftcore.errors import RunError
from rftcore.schemas.config import LearnerConfig, LoRA
from rftcore.train.logprobs import micro_batches, row_logprobs, token_logprobs
from rftcore.train.rows import Row

Loss = Callable[..., tuple[torch.Tensor, dict[str, float]]]


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
        corrects_sampler: bool = False,
    ) -> None:
        """`reference` is the frozen start policy; give it only when the loss pulls towards it.

        With `corrects_sampler` the loss gets the learner's logprobs before the update apart from the sampler's.
        """
        if config.lora is not None and not hasattr(model, "peft_config"):
            model = _with_lora(model, config.lora)
        self.config = config
        self._loss, self._loss_config, self._reference = loss, loss_config, reference
        self._corrects_sampler = corrects_sampler
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(
            trainable, lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=config.weight_decay, foreach=True
        )
        on_cpu = next(model.parameters()).device.type == "cpu"
        self._accelerator = Accelerator(cpu=on_cpu, device_placement=False)
        # Never in training mode: dropout would make the learner another policy than the sampler.
        self.model, self.optimizer = self._accelerator.prepare(model.eval(), optimizer)

    def step(self, rows: Sequence[Row], *, temperature: float = 1.0) -> dict[str, float]:
        """Make `minibatches` optimizer steps over `rows`; return figures of the update.

        `sampler_gap` is the largest difference between sampler and learner logprob before the first step.
        Raises RunError when the loss or its gradient is not finite; the weights are then those before the failing step.
        """
        if self._corrects_sampler:
            for row, own in zip(rows, self.logprobs(rows, temperature=temperature), strict=True):
                row.learner_logprobs = own
        count = min(self.config.minibatches, len(rows))
        cuts = [len(rows) * index // count for index in range(count + 1)]
        figures: dict[str, float] = {}
        try:
            for start, end in pairwise(cuts):
                found = self._optimize(rows[start:end], temperature)
                gap = found.pop("sampler_gap")
                for name, value in found.items():
                    figures[name] = figures.get(name, 0.0) + value / count
                figures.setdefault("sampler_gap", gap)
        finally:
            self.optimizer.zero_grad()
        return figures

    def logprobs(self, rows: Sequence[Row], *, temperature: float = 1.0) -> list[list[float]]:
        """Return the learner's own logprob of each sampled token, per row."""
        return row_logprobs(self.model, rows, temperature=temperature, tokens=self.config.micro_tokens)

    def _optimize(self, rows: Sequence[Row], temperature: float) -> dict[str, float]:
        tokens = sum(len(row.positions) for row in rows)
        figures = {"loss": 0.0, "entropy": 0.0, "sampler_gap": 0.0}
        for batch in micro_batches(self.model, rows, self.config.micro_tokens):
            picked = [rows[index] for index in batch]
            logprobs, entropy = token_logprobs(self.model, picked, temperature)
            sampled, mask = _padded(picked, "old_logprobs", logprobs), _mask(picked, logprobs)
            old = {"old_logprobs": sampled}
            if self._corrects_sampler:
                old = {"old_logprobs": _padded(picked, "learner_logprobs", logprobs), "sampler_logprobs": sampled}
            reference = None
            if self._reference is not None:
                with torch.no_grad():
                    reference, _ = token_logprobs(self._reference, picked, temperature)
            loss, extra = self._loss(
                logprobs=logprobs,
                **old,
                advantages=_padded(picked, "advantages", logprobs),
                mask=mask,
                config=self._loss_config,
                reference_logprobs=reference,
                tokens=tokens,
                rows=len(rows),
            )
            _require_finite("loss", loss.item())
            self._accelerator.backward(loss)
            figures["loss"] += loss.item()
            figures["entropy"] += (entropy * mask).sum().item() / tokens
            gap = ((logprobs.detach() - sampled).abs() * mask).max().item()
            figures["sampler_gap"] = max(figures["sampler_gap"], gap)
            for name, value in extra.items():
                figures[name] = figures.get(name, 0.0) + value
        figures["grad_norm"] = float(
            self._accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        )
        _require_finite("norm of the gradient", figures["grad_norm"])
        self.optimizer.step()
        self.optimizer.zero_grad()
        return figures


def _require_finite(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise RunError(f"the {name} is {value}: lower learner.learning_rate, or look at the rewards of the last update")


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
    settings = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # peft divides it by the rank, and takes any number
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, settings)
