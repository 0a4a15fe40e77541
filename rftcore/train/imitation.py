"""Warm start by imitation: a model learns to answer as the environments' experts do, mistakes included.

Demonstrations are played in the real environments. With probability `noise` a turn is a random action, and it is
imitated like any other, so the result has the skill but acts unevenly: groups of its episodes have the variance that
reinforcement fine-tuning needs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from rftcore.conversation import Conversation, Encoder, History
from rftcore.environment import Environment
from rftcore.formats import PromptFormat
from rftcore.schemas.task import Task
from rftcore.train.rows import Row

WARM_UP = 20
"""Steps until the full learning rate."""

POOL = 16
"""Batches that are drawn together and cut by length, so that little of a batch is padding."""


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
    batches: Iterator[Sequence[Row]],
    *,
    steps: int,
    learning_rate: float,
    context_weight: float,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Train `model` in place for `steps` batches with AdamW at a constant rate after a short warm-up.

    The loss is the mean cross-entropy (nats) of demonstrated tokens plus `context_weight` times that of all others:
    predicting observations teaches a small model to copy. Reports `(step, loss of demonstrated tokens)`.
    """
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.01, foreach=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARM_UP))
    model.train()
    for step, rows in zip(range(steps), batches, strict=False):
        width = max(len(row.ids) for row in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        target = torch.zeros(len(rows), width)
        inside = torch.zeros(len(rows), width)
        for index, row in enumerate(rows):
            ids[index, : len(row.ids)] = torch.tensor(row.ids)
            inside[index, : len(row.ids)] = 1.0
            target[index, row.positions] = 1.0
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        nats = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(rows), -1)
        shown, context = target[:, 1:], (inside - target)[:, 1:]
        loss = (nats * shown).sum() / shown.sum()
        total = loss + context_weight * (nats * context).sum() / context.sum()
        total.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        on_step(step + 1, loss.item())
    model.eval()


def batches(draw: Callable[[random.Random], Row | None], size: int, seed: int) -> Iterator[list[Row]]:
    """Yield endless batches of `size` rows of like length, from rows that `draw` makes."""
    rng = random.Random(seed)
    while True:
        pool: list[Row] = []
        while len(pool) < size * POOL:
            row = draw(rng)
            if row is not None:
                pool.append(row)
        pool.sort(key=lambda row: len(row.ids))
        cut = [pool[start : start + size] for start in range(0, len(pool), size)]
        rng.shuffle(cut)
        yield from cut
