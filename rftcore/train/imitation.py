"""Warm start by imitation: a model learns to answer as the environments' experts do, mistakes included.

Demonstrations are played in the real environments. With probability `noise` a turn is a random action, and it is
imitated like any other, so the result has the skill but acts unevenly: groups of its episodes have the variance that
reinforcement fine-tuning needs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import torch

from rftcore.conversation import Conversation, Encoder, History
from rftcore.environment import Environment
from rftcore.formats import PromptFormat
from rftcore.schemas.task import Task
from rftcore.train.logprobs import micro_batches, token_logprobs
from rftcore.train.rows import Row

WARM_UP = 20
"""Steps until the full learning rate."""

CONTEXT_SHARE = 0.25
"""Share of the tokens of a context that are predicted in a step: their logits cost as much as the rest of the model."""

MICRO_TOKENS = 8192
"""Tokens of one forward pass."""


def repetition(tokens: Sequence[int], rng: random.Random) -> Row:
    """Return random `tokens`, a gap, and a part of them again, whose tokens but the first are the row's `positions`.

    Nothing but copying predicts them. A small model that masters it first (its induction heads form within some hundred
    steps; Olsson et al. 2022, arXiv 2209.11895) learns to act from far fewer demonstrations, whose answers are mostly
    names that the context holds.
    """
    said = rng.choices(tokens, k=rng.randint(8, 24))
    start = rng.randrange(len(said) // 2)
    again = said[start : start + rng.randint(4, len(said))]
    ids = [*said, *rng.choices(tokens, k=rng.randint(0, 16)), *again]
    return Row(ids, list(range(len(ids) - len(again) + 1, len(ids))))


def demonstrate(
    environment: Environment,
    task: Task,
    encoder: Encoder,
    form: PromptFormat,
    *,
    noise: float,
    rng: random.Random,
    turns: int,
) -> Row | None:
    """Play `task` as the expert, with a random action in a share `noise` of the turns; None when the expert gives up.

    The row's `positions` are the tokens of the demonstrated answers.
    """
    episode = environment.start(task)
    conversation = Conversation(encoder, History(), form.system(environment.instructions))
    row = Row([])
    try:
        for _ in range(min(turns, environment.max_turns)):
            action = episode.random_action(rng) if rng.random() < noise else episode.expert_action()
            if action is None:
                return None
            conversation.prompt(episode.observation)
            start = len(conversation.context)
            conversation.answer(encoder.encode_answer(form.write(action)))
            row.positions += range(start, len(conversation.context))
            step = episode.step(action)
            if step.terminated or step.truncated:
                break
    finally:
        episode.close()
    row.ids = conversation.context
    return row


def imitate(
    model: Any,
    draw: Callable[[random.Random], Row],
    *,
    steps: int,
    rows: int,
    learning_rate: float,
    context_weight: float,
    seed: int,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Train a freshly initialized `model` in place, `steps` times on `rows` rows that `draw` makes.

    Muon moves the matrices between layers, AdamW the rest at half the rate. The rate rises over a short warm-up and
    falls linearly to 0. The loss is the mean cross-entropy (nats) of demonstrated tokens plus `context_weight` times
    that of the others, estimated on a share of them: predicting observations teaches a small model to copy. Reports
    `(step, loss of demonstrated tokens)`.
    """
    rng = random.Random(seed)
    optimizers = _optimizers(model, learning_rate)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / WARM_UP, (steps - step) / max(1, steps - WARM_UP))
        )
        for optimizer in optimizers
    ]
    for step in range(1, steps + 1):
        shown = [draw(rng) for _ in range(rows)]
        loss = backward(model, shown, context_weight, rng)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        on_step(step, loss)


def _optimizers(model: Any, learning_rate: float) -> list[torch.optim.Optimizer]:
    embedding = model.get_input_embeddings().weight
    inner: list[torch.nn.Parameter] = []
    rest: list[torch.nn.Parameter] = []
    for parameter in model.parameters():
        (inner if parameter.ndim == 2 and parameter is not embedding else rest).append(parameter)
    return [
        torch.optim.Muon(inner, lr=learning_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=learning_rate / 2, betas=(0.9, 0.95), weight_decay=0.01, foreach=True),
    ]


def backward(model: Any, shown: list[Row], context_weight: float, rng: random.Random) -> float:
    """Add the gradient of the loss over `shown`; return the part of the demonstrated tokens."""
    context = [_some_context(row, rng) for row in shown]
    asked = [Row(row.ids, sorted([*row.positions, *others])) for row, others in zip(shown, context, strict=True)]
    per_shown = 1 / sum(len(row.positions) for row in shown)
    per_context = context_weight / max(1, sum(map(len, context)))
    total = 0.0
    for batch in micro_batches(model, asked, MICRO_TOKENS):
        logprobs, _ = token_logprobs(model, [asked[index] for index in batch], 1.0)
        demonstrated = torch.zeros_like(logprobs)
        others = torch.zeros_like(logprobs)
        for place, index in enumerate(batch):
            answers = set(shown[index].positions)
            mark = torch.tensor([position in answers for position in asked[index].positions])
            demonstrated[place, : len(mark)] = mark.float()
            others[place, : len(mark)] = (~mark).float()
        loss = -(logprobs * demonstrated).sum() * per_shown
        (loss - (logprobs * others).sum() * per_context).backward()
        total += loss.item()
    return total


def _some_context(row: Row, rng: random.Random) -> list[int]:
    """Return a share of the places of tokens that are not demonstrated; the first of a context is never predicted."""
    answers = set(row.positions)
    return [place for place in range(1, len(row.ids)) if place not in answers and rng.random() < CONTEXT_SHARE]
