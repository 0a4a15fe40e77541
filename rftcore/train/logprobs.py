"""Logprobs and values of sampled tokens under a model, in the fastest of two forms that compute the same.

Models of the Llama family on the CPU go through `rftcore.train.pack`, which computes a beginning that rows share once.
All others go through their own forward, padded on the right: causality alone keeps the padding out. Either way logits
are computed at sampled tokens only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from rftcore.train.llama import Llama
from rftcore.train.pack import Pack, agreement
from rftcore.train.rows import Row
from rftcore.train.shards import is_split

PACK_TOKENS = 2048
"""Distinct tokens of a packed micro-batch on the CPU: more fall out of its cache, fewer share less."""


def packs(model: Any) -> bool:
    """Whether `model` goes through `Pack`."""
    parameter = next(model.parameters())
    return (
        parameter.device.type == "cpu"
        and parameter.dtype == torch.float32
        and not hasattr(model, "peft_config")
        and not is_split(model)
        and Llama.fits(model)
    )


def micro_batches(model: Any, rows: Sequence[Row], tokens: int) -> list[list[int]]:
    """Return the indices of `rows` in batches of at most `tokens` computed tokens (at least one row)."""
    return _alike(rows, min(tokens, PACK_TOKENS)) if packs(model) else _of_like_length(rows, tokens)


@dataclass(slots=True)
class Reading:
    """What a model says of the sampled tokens of some rows, each [rows, most sampled tokens], 0 beyond a row's own."""

    logprobs: torch.Tensor
    entropy: torch.Tensor
    """Nats."""
    values: torch.Tensor | None = None
    """What `head` makes of the hidden state before each token, if there is one."""


def read_tokens(
    model: Any,
    rows: Sequence[Row],
    temperature: float,
    *,
    head: Callable[[torch.Tensor], torch.Tensor] | None = None,
    entropy_gradient: bool = False,
) -> Reading:
    """Return all that one forward pass tells of the sampled tokens.

    `head` maps hidden states [N, width], as the model's own head gets them, to [N].
    """
    device = next(model.parameters()).device
    targets = torch.tensor([row.ids[position] for row in rows for position in row.positions], device=device)
    if packs(model):
        pack, weights = Pack(rows), Llama(model, frozen=False)
        hidden, inverse = pack.hidden(weights), pack.inverse
        logits, states = weights.logits(hidden), None if head is None else weights.normalized(hidden)
    else:
        inverse = torch.arange(len(targets), device=device)
        logits, states = _padded(model, rows, hidden=head is not None)
    logp = torch.log_softmax(logits if temperature == 1.0 else logits / temperature, dim=-1)
    with torch.set_grad_enabled(entropy_gradient and torch.is_grad_enabled()):
        entropy = -(logp.exp() * logp).sum(-1)[inverse]
    values = None if head is None or states is None else by_row(head(states)[inverse], rows)
    return Reading(by_row(logp[inverse, targets], rows), by_row(entropy, rows), values)


def token_logprobs(model: Any, rows: Sequence[Row], temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logprob and entropy (nats, no gradient) of each row's sampled tokens, both [rows, most sampled tokens].

    Entries beyond a row's own sampled tokens are 0.
    """
    reading = read_tokens(model, rows, temperature)
    return reading.logprobs, reading.entropy


def token_values(model: Any, rows: Sequence[Row], head: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Return what `head` makes of the hidden state before each sampled token [rows, most sampled tokens].

    As `read_tokens`, and without logits.
    """
    if packs(model):
        pack, weights = Pack(rows), Llama(model, frozen=False)
        return by_row(head(weights.normalized(pack.hidden(weights)))[pack.inverse], rows)
    return by_row(head(_padded_states(model, rows)), rows)


def by_row(figures: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """Lay out a figure for each sampled token, row after row [N], as [rows, most sampled tokens], 0 elsewhere."""
    counts = torch.tensor([len(row.positions) for row in rows])
    owners = torch.repeat_interleave(torch.arange(len(rows)), counts).to(figures.device)
    columns = torch.cat([torch.arange(count) for count in counts.tolist()]).to(figures.device)
    return figures.new_zeros(len(rows), int(counts.max())).index_put((owners, columns), figures)


def row_logprobs(model: Any, rows: Sequence[Row], *, temperature: float, tokens: int) -> list[list[float]]:
    """Return the logprob of each sampled token under `model`, row by row, without gradient.

    `tokens` bounds the micro-batches, as in `micro_batches`.
    """
    return row_figures(model, rows, lambda picked: token_logprobs(model, picked, temperature)[0], tokens=tokens)


def row_figures(
    model: Any, rows: Sequence[Row], read: Callable[[list[Row]], torch.Tensor], *, tokens: int
) -> list[list[float]]:
    """Return what `read` says of each sampled token, row by row, without gradient.

    It gets some rows at a time, as `micro_batches` cuts them for `model`, and answers [rows, most sampled tokens].
    """
    result: list[list[float]] = [[] for _ in rows]
    with torch.no_grad():
        for batch in micro_batches(model, rows, tokens):
            picked = [rows[index] for index in batch]
            for index, row, values in zip(batch, picked, read(picked).tolist(), strict=True):
                result[index] = values[: len(row.positions)]
    return result


def _alike(rows: Sequence[Row], tokens: int) -> list[list[int]]:
    """Rows in the order of their contents, so that those which share a beginning share a batch."""
    batches: list[list[int]] = []
    used, before = 0, list[int]()
    for index in sorted(range(len(rows)), key=lambda index: rows[index].ids):
        ids = rows[index].ids
        new = len(ids) - agreement(before, ids)
        if batches and used + new <= tokens:
            batches[-1].append(index)
            used += new
        else:
            batches.append([index])
            used = len(ids)
        before = ids
    return batches


def _of_like_length(rows: Sequence[Row], tokens: int) -> list[list[int]]:
    """Rows in the order of their lengths, so that little of a batch is padding."""
    batches: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda index: (len(rows[index].ids), index)):
        if batches and (len(batches[-1]) + 1) * len(rows[index].ids) <= tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _padded(model: Any, rows: Sequence[Row], *, hidden: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return float32 logits [sampled tokens of all rows, vocabulary] and, if wanted, the `hidden` states there."""
    if Llama.fits(model) and not is_split(model):  # its logits are the head of the hidden states, and nothing else
        states = _padded_states(model, rows)
        return _inner(model).lm_head(states).float(), states if hidden else None
    ids, owners, places = _laid_out(model, rows)
    asked: dict[str, Any] = {"output_hidden_states": True} if hidden else {}
    kept = places
    if "logits_to_keep" in inspect.signature(_inner(model).forward).parameters:
        asked["logits_to_keep"], kept = places.unique(return_inverse=True)
    output = model(input_ids=ids, use_cache=False, **asked)
    return output.logits[owners, kept].float(), output.hidden_states[-1][owners, places] if hidden else None


def _padded_states(model: Any, rows: Sequence[Row]) -> torch.Tensor:
    """Return the final hidden states before the sampled tokens of all rows, as the model's head gets them."""
    ids, owners, places = _laid_out(model, rows)
    states: torch.Tensor = _inner(model).base_model(input_ids=ids, use_cache=False).last_hidden_state
    return states[owners, places]


def _laid_out(model: Any, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return `ids` [rows, longest row - 1], padded on the right, and for each sampled token its row and its place."""
    width = max(len(row.ids) for row in rows) - 1  # the last token of a row predicts nothing that is wanted
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids) - 1] = torch.tensor(row.ids[:-1])
    owners = torch.tensor([index for index, row in enumerate(rows) for _ in row.positions])
    places = torch.tensor([position - 1 for row in rows for position in row.positions])
    device = next(model.parameters()).device
    return ids.to(device), owners.to(device), places.to(device)


def _inner(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "peft_config") else model
