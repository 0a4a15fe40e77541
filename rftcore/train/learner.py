"""The learner: one optimizer update over any loss. It knows no algorithm and no environment.

Rows go through the model in micro-batches (`rftcore.train.logprobs`). The loss function receives the totals of the
whole update, so micro-batches add up to exactly the loss of the update (see `rftcore.algorithm`). Runs on accelerate;
the model stays on the device it came on. Of several processes (`rftcore.launch`) each takes a share of the rows of a
step; totals, figures and gradients are those of all rows, so every process makes the same step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from accelerate import Accelerator

from rftcore import launch
from rftcore.errors import RunError
from rftcore.schemas.config import LearnerConfig
from rftcore.train.adapters import as_start_policy, with_adapters
from rftcore.train.critic import Critic, explained_variance
from rftcore.train.logprobs import micro_batches, read_tokens, row_logprobs, token_logprobs, token_values
from rftcore.train.losses import staleness_weight
from rftcore.train.peers import Peers
from rftcore.train.rows import Row
from rftcore.train.schedule import make_schedule
from rftcore.train.shards import check_launch, follow, gathered, is_split, split

Loss = Callable[..., tuple[torch.Tensor, dict[str, float]]]

NAMED = 8
"""Trajectories that a message about a failed update names at most."""


class Learner:
    """Holds the trained model and its optimizer.

    `model` may be split over the processes of a launch; `whole` has the same weights on every process.
    """

    def __init__(
        self,
        model: Any,
        config: LearnerConfig,
        *,
        loss: Loss,
        loss_config: Any = None,
        reference: Any = None,
        corrects_sampler: bool = False,
        corrects_staleness: bool = False,
        entropy: bool = False,
        critic: Critic | None = None,
        updates: int = 1,
    ) -> None:
        """`reference` is the frozen start policy, or `model` itself where that is to be it with its adapters off; give
        it only when the loss pulls towards it.

        With `corrects_sampler` the loss gets the learner's logprobs before the update apart from the sampler's. With
        `corrects_staleness` a loss that does not gets them in place of the sampler's, and advantages times
        `staleness_weight`. With `entropy` it gets that with its gradient, and a `critic` is trained together with the
        model. `updates` are those of the stage: a falling learning rate ends with them.
        """
        own = reference is model
        if config.lora is not None:
            model = with_adapters(model, config.lora)
            if critic is not None and critic.model is not None:
                critic.model = with_adapters(critic.model, config.lora)
        self.config = config
        self._loss, self._loss_config = loss, loss_config
        self._corrects_sampler, self._corrects_staleness = corrects_sampler, corrects_staleness
        self._entropy, self.critic = entropy, critic
        self._peers = Peers()
        on_cpu = next(model.parameters()).device.type == "cpu"
        self._accelerator = Accelerator(cpu=on_cpu, device_placement=False)
        check_launch(self._accelerator)
        # Gradients are summed here and not by DDP, which wants equally many forward passes of every process.
        # Never in training mode: dropout would make the learner another policy than the sampler.
        self.model = self.whole = self._accelerator.prepare_model(model.eval(), evaluation_mode=True)
        if launch.splits():
            self.model, self.whole = split(self.model)
        self.model.get_input_embeddings().padding_idx = None  # it keeps a token from being learned that is also said
        self._rates, trained = [config.learning_rate], [{"params": _trainable(self.model)}]
        if critic is not None:
            self._rates.append(critic.learning_rate)
            trained.append({"params": _trainable(critic.eval())})
        optimizer = torch.optim.AdamW(
            trained, lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=config.weight_decay, foreach=True
        )
        self._schedule = make_schedule(config, updates)
        self.optimizer = self._accelerator.prepare_optimizer(optimizer)
        self._reference = self.whole if own else reference

    def step(self, rows: Sequence[Row], *, temperature: float = 1.0, update: int = 0) -> dict[str, float]:
        """Make `minibatches` optimizer steps over `rows`, at the learning rate of `update`; return figures of it.

        `sampler_gap` is the largest difference between sampler and learner logprob before the first step, at tokens
        that the learner's present weights sampled; `correction` the mean of `staleness_weight`, where advantages are
        multiplied by it; `learning_rate` is told unless it is always the same. Raises RunError that names the
        trajectories behind a loss or gradient that is not finite; the weights are then those before the failing step.
        """
        count = min(self.config.minibatches, len(rows))
        cuts = [len(rows) * index // count for index in range(count + 1)]
        if count > 1 and (self._corrects_sampler or self._corrects_staleness):
            ours = [row for start, end in pairwise(cuts) for row in launch.share(rows[start:end])]
            for row, own in zip(ours, self.logprobs(ours, temperature=temperature), strict=True):
                row.learner_logprobs = own
        figures: dict[str, float] = {}
        scale = self._schedule(update)
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * scale
        if self.critic is not None:
            figures["explained_variance"] = explained_variance(rows)
        try:
            for start, end in pairwise(cuts):
                found = self._optimize(rows[start:end], temperature)
                gap = found.pop("sampler_gap")
                for name, value in found.items():
                    figures[name] = figures.get(name, 0.0) + value / count
                figures.setdefault("sampler_gap", gap)
        finally:
            self.optimizer.zero_grad()
        if is_split(self.model):
            follow(self.whole, self.model)
        if self.config.schedule != "constant" or self.config.warm_up:
            figures["learning_rate"] = self.config.learning_rate * scale
        return figures

    def logprobs(self, rows: Sequence[Row], *, temperature: float = 1.0) -> list[list[float]]:
        """Return the learner's own logprob of each sampled token, per row."""
        return row_logprobs(self.whole, rows, temperature=temperature, tokens=self.config.micro_tokens)

    def _optimize(self, rows: Sequence[Row], temperature: float) -> dict[str, float]:
        totals = {"tokens": sum(len(row.positions) for row in rows), "rows": len(rows)}
        if self.critic is not None:
            totals["targets"] = sum(mask == 1.0 for row in rows for mask in row.value_mask)
        figures, suspects = self._together(*self._gradient(rows, temperature, totals))
        norm = self._accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        figures["grad_norm"] = float(gathered(norm))
        if not math.isfinite(figures["grad_norm"]):
            raise RunError(_not_finite("norm of the gradient", figures["grad_norm"], suspects))
        if self.critic is not None:
            norm = float(self._accelerator.clip_grad_norm_(self.critic.parameters(), self.config.max_grad_norm))
            if not math.isfinite(norm):
                raise RunError(_not_finite("norm of the critic's gradient", norm, suspects))
            figures["critic_grad_norm"] = norm
        self.optimizer.step()
        self.optimizer.zero_grad()
        return figures

    def _gradient(
        self, rows: Sequence[Row], temperature: float, totals: dict[str, int]
    ) -> tuple[dict[str, float], list[str], str]:
        """Add up this process's share of the gradient of a step over `rows`.

        Returns its share of the figures, the trajectories whose part of the gradient is not finite, and a message when
        the loss is not: nothing may be raised before the other processes know.
        """
        shortest = min(rows, key=lambda row: len(row.ids))
        rows, failure = launch.share(rows), ""
        figures = {"loss": 0.0, "entropy": 0.0, "sampler_gap": 0.0}
        suspects: list[str] = []
        batches = micro_batches(self.model, rows, self.config.micro_tokens)
        idle = max(self._peers.gather(len(batches))) - len(batches) if is_split(self.model) else 0
        for batch in batches:
            picked = [rows[index] for index in batch]
            tensors, told = self._tensors(picked, temperature)
            logprobs, mask = tensors["logprobs"], tensors["mask"]
            learned = [tensors[name] for name in ("logprobs", "values") if name in tensors]
            for tensor in learned:
                tensor.retain_grad()
            loss, extra = self._loss(**tensors, config=self._loss_config, **totals)
            if not math.isfinite(loss.item()):
                failure = failure or _not_finite("loss", loss.item(), self._behind(picked, tensors, totals))
                if not is_split(self.model):  # else the others are in this pass too
                    break
            self._accelerator.backward(loss)
            for gradient in (tensor.grad for tensor in learned if tensor.grad is not None):
                suspects += [row.trajectory for row, own in zip(picked, gradient, strict=True) if not _finite(own)]
            figures["loss"] += loss.item()
            for name, values in told.items():
                figures[name] = figures.get(name, 0.0) + (values.detach() * mask).sum().item() / totals["tokens"]
            sampled, behind = (_padded(picked, name, logprobs) for name in ("old_logprobs", "behind"))
            gap = ((logprobs.detach() - sampled).abs() * mask * (behind == 0)).max().item()
            figures["sampler_gap"] = max(figures["sampler_gap"], gap)
            for name, value in extra.items():
                figures[name] = figures.get(name, 0.0) + value
        for _ in range(idle):  # the others cannot make a pass without this process
            self._accelerator.backward(0.0 * token_logprobs(self.model, [shortest], temperature)[0].sum())
        return figures, suspects, failure

    def _together(
        self, figures: dict[str, float], suspects: list[str], failure: str
    ) -> tuple[dict[str, float], list[str]]:
        """Add up figures and gradients of all processes. Raises RunError when one of them failed.

        Gradients of split weights are added up in the backward pass.
        """
        groups = self.optimizer.param_groups[1:] if is_split(self.model) else self.optimizer.param_groups
        parameters = [parameter for group in groups for parameter in group["params"]]
        reached = [parameter.grad is not None for parameter in parameters]
        shares = self._peers.gather((figures, suspects, failure, reached))
        for _, _, failed, _ in shares:
            if failed:
                raise RunError(failed)
        if len(shares) > 1:
            for parameter, *anywhere in zip(parameters, *(share[3] for share in shares), strict=True):
                if any(anywhere):
                    own = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                    parameter.grad = self._accelerator.reduce(own, reduction="sum")
        names = dict.fromkeys(name for share in shares for name in share[0])
        return {
            name: (max if name == "sampler_gap" else sum)(share[0].get(name, 0.0) for share in shares) for name in names
        }, [name for share in shares for name in share[1]]

    def _tensors(self, rows: Sequence[Row], temperature: float) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        """Return what the loss gets of a micro-batch, each [rows, positions] or None, and what is told beside it."""
        critic = self.critic
        head = None if critic is None else critic.policy_head
        reading = read_tokens(self.model, rows, temperature, head=head, entropy_gradient=self._entropy)
        logprobs = reading.logprobs
        mask = _mask(rows, logprobs)
        found: dict[str, Any] = {"logprobs": logprobs, "mask": mask, "reference_logprobs": None}
        for name in ("old_logprobs", "advantages"):
            found[name] = _padded(rows, name, logprobs)
        told = {"entropy": reading.entropy}
        if self._corrects_sampler or self._corrects_staleness:
            sampled, before = found["old_logprobs"], logprobs.detach()
            if rows[0].learner_logprobs:  # else this is the only step, and nothing has moved yet
                before = _padded(rows, "learner_logprobs", logprobs)
            found["old_logprobs"] = before
            if self._corrects_sampler:
                found["sampler_logprobs"] = sampled
            else:
                told["correction"] = staleness_weight(before, sampled, mask)
                found["advantages"] = found["advantages"] * told["correction"]
        if self._reference is not None:
            with torch.no_grad(), as_start_policy(self._reference, self.whole):
                found["reference_logprobs"], _ = token_logprobs(self._reference, rows, temperature)
        if self._entropy:
            found["entropy"] = reading.entropy
        if critic is not None:
            own = reading.values if critic.model is None else token_values(critic.model, rows, critic.head)
            found["values"] = own
            for name in ("old_values", "returns", "value_mask"):
                found[name] = _padded(rows, name, logprobs)
        return found, told

    def _behind(self, rows: Sequence[Row], tensors: dict[str, Any], totals: dict[str, int]) -> list[str]:
        """Return the trajectories whose own share of the loss is not finite."""
        found = []
        with torch.no_grad():
            for index, row in enumerate(rows):
                own = {name: None if value is None else value[index : index + 1] for name, value in tensors.items()}
                loss, _ = self._loss(**own, config=self._loss_config, **totals)
                if not _finite(loss):
                    found.append(row.trajectory)
        return found


def _trainable(module: Any) -> list[Any]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def _finite(values: torch.Tensor) -> bool:
    return bool(values.isfinite().all())


def _not_finite(what: str, value: float, trajectories: Sequence[str]) -> str:
    names = list(dict.fromkeys(trajectories))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    cause = f"because of {', '.join(names[:NAMED])}{more}" if names else "because of no single trajectory"
    return (
        f"the {what} is {value}, {cause}. Nothing was learned from this step, and no checkpoint has changed: lower "
        "learner.learning_rate, or look at the rewards of these tasks, and resume the run"
    )


def _padded(rows: Sequence[Row], name: str, like: torch.Tensor) -> torch.Tensor:
    result = torch.zeros(like.shape)
    for index, row in enumerate(rows):
        values = getattr(row, name)
        result[index, : len(values)] = torch.tensor(values)
    return result.to(like.device)


def _mask(rows: Sequence[Row], like: torch.Tensor) -> torch.Tensor:
    counts = torch.tensor([len(row.positions) for row in rows])
    return (torch.arange(like.shape[1])[None] < counts[:, None]).float().to(like.device)
