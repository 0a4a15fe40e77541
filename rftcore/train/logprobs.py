"""Logprobs of sampled tokens under a model, in the fastest of two forms that compute the same.

Models of the Llama family on the CPU go through `rftcore.train.pack`, which computes a beginning that rows share once.
All others go through their own forward, padded on the right: causality alone keeps the padding out. Either way logits
are computed at sampled tokens only.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from rftcore.train.llama import Llama
from rftcore.train.pack import Pack, agreement
from rftcore.train.rows import Row

PACK_TOKENS = 2048
"""Distinct tokens of a packed micro-batch on the CPU: more fall out of its cache, fewer share less."""


def packs(model: Any) -> bool:
    """Whether `model` goes through `Pack`."""
    parameter = next(model.parameters())
    return (
        parameter.device.type == "cpu"
        and parameter.dtype == torch.float32
        and not hasattr(model, "peft_config")
        and Llama.fits(model)
    )


def micro_batches(model: Any, rows: Sequence[Row], tokens: int) -> list[list[int]]:
    """Return the indices of `rows` in batches of at most `tokens` computed tokens (at least one row)."""
    return _alike(rows, min(tokens, PACK_TOKENS)) if packs(model) else _of_like_length(rows, tokens)


def token_logprobs(model: Any, rows: Sequence[Row], temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logprob and entropy (nats, no gradient) of each row's sampled tokens, both [rows, most sampled tokens].

    Entries beyond a row's own sampled tokens are 0.
    """
    device = next(model.parameters()).device
    targets = torch.tensor([row.ids[position] for row in rows for position in row.positions], device=device)
    if packs(model):
        pack, weights = Pack(rows), Llama(model, frozen=False)
        logits, inverse = weights.logits(pack.hidden(weights)), pack.inverse
    else:
        logits, inverse = _padded_logits(model, rows, device), torch.arange(len(targets), device=device)
    logp = torch.log_softmax(logits if temperature == 1.0 else logits / temperature, dim=-1)
    with torch.no_grad():
        entropy = -(logp.exp() * logp).sum(-1)[inverse]
    counts = torch.tensor([len(row.positions) for row in rows])
    owners = torch.repeat_interleave(torch.arange(len(rows)), counts).to(device)
    columns = torch.cat([torch.arange(count) for count in counts.tolist()]).to(device)
    empty = torch.zeros(len(rows), int(counts.max()), device=device)
    return (
        empty.index_put((owners, columns), logp[inverse, targets]),
        empty.index_put((owners, columns), entropy),
    )


def row_logprobs(model: Any, rows: Sequence[Row], *, temperature: float, tokens: int) -> list[list[float]]:
    """Return the logprob of each sampled token under `model`, row by row, without gradient.

    `tokens` bounds the micro-batches, as in `micro_batches`.
    """
    result: list[list[float]] = [[] for _ in rows]
    with torch.no_grad():
        for batch in micro_batches(model, rows, tokens):
            picked = [rows[index] for index in batch]
            logprobs, _ = token_logprobs(model, picked, temperature)
            for index, row, values in zip(batch, picked, logprobs.tolist(), strict=True):
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


def _padded_logits(model: Any, rows: Sequence[Row], device: torch.device) -> torch.Tensor:
    """Return float32 logits [sampled tokens of all rows, vocabulary]."""
    width = max(len(row.ids) for row in rows) - 1  # the last token of a row predicts nothing that is wanted
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids) - 1] = torch.tensor(row.ids[:-1])
    owners = torch.tensor([index for index, row in enumerate(rows) for _ in row.positions], device=device)
    places = torch.tensor([position - 1 for row in rows for position in row.positions], device=device)
    inner = model.get_base_model() if hasattr(model, "peft_config") else model
    if Llama.fits(model):  # its logits are the head of the hidden states, and nothing else
        hidden = inner.model(input_ids=ids.to(device), use_cache=False).last_hidden_state
        return inner.lm_head(hidden[owners, places]).float()  # type: ignore[no-any-return]
    if "logits_to_keep" in inspect.signature(inner.forward).parameters:
        kept, places = places.unique(return_inverse=True)
        output = model(input_ids=ids.to(device), use_cache=False, logits_to_keep=kept)
    else:
        output = model(input_ids=ids.to(device), use_cache=False)
    return output.logits[owners, places].float()  # type: ignore[no-any-return]
