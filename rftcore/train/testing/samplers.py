"""What every sampler promises the rollout and the learner, on a model of a few thousand weights.

A sampler is made as the learner makes it: from its options and a model in this process.
"""

from __future__ import annotations

import asyncio
import math
import random
import zlib
from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from rftcore.errors import RftError
from rftcore.sampler import Completion, ContextFull, Request, Sampler
from rftcore.train.tiny import TinyConfig, build_model

if TYPE_CHECKING:
    from rftcore.testing.subject import Subject

Problems = Iterator[str]

VOCABULARY = 64
PROMPTS = ((5, 6, 7, 8), (9, 10), (5, 6, 7, 8, 11, 12, 13))
LIMIT = 8
"""Tokens of an answer."""
STOPS = frozenset(range(40, 48))
"""An eighth of the vocabulary: some answers stop, and some reach their limit."""
GAP = 1e-4
"""By which logprobs of sampler and model may differ, in float32."""


def answers_are_whole(subject: Subject) -> Problems:
    """An answer ends with a stop token or at its limit, with a logprob for each token and the weights' version."""
    for prompt, answer in zip(PROMPTS, _answers(subject, list(map(_asked, range(3), PROMPTS))), strict=True):
        count, stops = len(answer.token_ids), [token in STOPS for token in answer.token_ids]
        if not 1 <= count <= LIMIT or any(stops[:-1]) or (count < LIMIT and not stops[-1]):
            yield (
                f"after {prompt} came {answer.token_ids}, expected 1 to {LIMIT} tokens that end with the first of "
                "stop_ids; the stop token is part of the answer"
            )
        if len(answer.logprobs) != count or not all(math.isfinite(one) and one <= 1e-6 for one in answer.logprobs):
            yield f"{count} tokens have the logprobs {answer.logprobs}, expected a finite one of 0 at most for each"
        if answer.version != 0:
            yield f"the version is {answer.version} before any sync, expected 0; count from what sync() is given"


def checksums_are_of_the_context(subject: Subject) -> Problems:
    """The checksum is the CRC-32 of the whole context, answer included, as little-endian int32."""
    for prompt, answer in zip(PROMPTS, _answers(subject, list(map(_asked, range(3), PROMPTS))), strict=True):
        expected = zlib.crc32(array("i", [*prompt, *answer.token_ids]).tobytes())
        if answer.checksum != expected:
            yield (
                f"after {prompt} the checksum is {answer.checksum}, expected {expected}; compute it from the context "
                "as the sampler holds it"
            )


def logprobs_are_the_model_s(subject: Subject) -> Problems:
    """The logprobs are those of the sampled tokens under the model, at the sampling temperature."""
    model = _model()
    for temperature in (1.0, 0.5):
        asked = [_asked(place, prompt, temperature=temperature) for place, prompt in enumerate(PROMPTS)]
        for prompt, answer in zip(PROMPTS, _answers(subject, asked), strict=True):
            gap = _gap(model, prompt, answer, temperature)
            if not gap <= GAP:
                yield (
                    f"at temperature {temperature} a logprob is off by {gap:.2g}, expected {GAP:g} at most; "
                    "take it after the division by the temperature"
                )
                break


def seeds_decide(subject: Subject) -> Problems:
    """An answer depends on its context and random stream, not on which conversations are served beside it."""
    together = _answers(subject, list(map(_asked, range(3), PROMPTS)))
    for place, prompt in enumerate(PROMPTS):
        (alone,) = _answers(subject, [_asked(place, prompt)])
        if alone.token_ids != together[place].token_ids:
            yield (
                f"after {prompt} came {together[place].token_ids} beside others, expected {alone.token_ids} as alone; "
                "draw one number for each token from the request's own stream"
            )


def kept_context_counts(subject: Subject) -> Problems:
    """A context that was kept and added to is answered like the same context sent at once."""
    sampler = _sampler(subject)

    async def ask() -> tuple[Completion, Completion]:
        first = await sampler.sample(_asked(0, PROMPTS[0], temperature=0.0))
        context = (*PROMPTS[0], *first.token_ids)
        kept = len(context) - 1
        more = await sampler.sample(_asked(0, (21, 22), keep=kept, temperature=0.0))
        whole = await sampler.sample(_asked(1, (*context[:kept], 21, 22), temperature=0.0))
        await sampler.close()
        return more, whole

    more, whole = asyncio.run(ask())
    if (more.token_ids, more.checksum) != (whole.token_ids, whole.checksum):
        yield (
            f"a kept context was answered with {more.token_ids}, expected {whole.token_ids} as for the whole of it; "
            "keep exactly the first `keep` tokens"
        )


def full_contexts_are_refused(subject: Subject) -> Problems:
    """A prompt that leaves no room for an answer raises ContextFull; one that leaves room for a token is answered."""
    sampler = _sampler(subject)

    async def ask() -> tuple[int, bool]:
        ids = tuple(5 + place % 30 for place in range(sampler.max_context))
        answer = await sampler.sample(_asked(0, ids[:-1]))
        try:
            await sampler.sample(_asked(1, ids))
            refused = False
        except ContextFull:
            refused = True
        await sampler.close()
        return len(answer.token_ids), refused

    count, refused = asyncio.run(ask())
    if count != 1:
        yield f"with room for one token {count} came, expected 1; max_context counts the answer, too"
    if not refused:
        yield "a context that is full was answered, expected ContextFull; its episode ends with a status of its own"


def sync_changes_weights(subject: Subject) -> Problems:
    """After `sync`, answers come from the new weights alone, with their version; old conversations go on so, or end."""
    sampler, other = _sampler(subject), _model(seed=1)

    async def ask() -> tuple[Completion, Completion, Completion | None]:
        before = await sampler.sample(_asked(0, PROMPTS[0], temperature=0.0))
        sampler.sync(other, 7)
        try:
            more = await sampler.sample(_asked(0, (21,), keep=4))
        except RftError:
            more = None
        after = await sampler.sample(_asked(1, PROMPTS[0], temperature=0.0))
        await sampler.close()
        await sampler.close()
        return before, after, more

    before, after, more = asyncio.run(ask())
    if after.version != 7:
        yield f"after sync(..., 7) the version is {after.version}, expected 7; every answer names its weights"
    if after.logprobs == before.logprobs:
        yield "after sync() the logprobs are those of the old weights, expected the new ones'; take the weights over"
    if more is not None and not _gap(other, (*PROMPTS[0], 21), more, 1.0) <= GAP:
        yield (
            "after sync() a conversation goes on with other logprobs than the new weights give its whole context, "
            "expected the same or an error; compute it anew, or forget it"
        )


SAMPLER_PROMISES = (
    answers_are_whole,
    checksums_are_of_the_context,
    logprobs_are_the_model_s,
    seeds_decide,
    kept_context_counts,
    full_contexts_are_refused,
    sync_changes_weights,
)


def _model(seed: int = 0) -> Any:
    """Return a causal LM whose distributions are sharp enough that a wrong context shows."""
    model = build_model(VOCABULARY, TinyConfig(width=16, layers=2, heads=2, mlp=32, max_context=128), seed).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8.0)
    return model


def _gap(model: Any, prompt: Sequence[int], answer: Completion, temperature: float) -> float:
    """Return the largest difference between the logprobs of an answer and those of `model`."""
    context = torch.tensor([[*prompt, *answer.token_ids]])
    with torch.inference_mode():
        scores = torch.log_softmax(model(context).logits[0].float() / temperature, dim=-1)
    expected = [scores[len(prompt) - 1 + place, token].item() for place, token in enumerate(answer.token_ids)]
    return max((abs(a - b) for a, b in zip(answer.logprobs, expected, strict=False)), default=0.0)


def _sampler(subject: Subject) -> Sampler:
    made: Sampler = subject.component(subject.configured(), model=_model())
    return made


def _asked(conversation: int, ids: tuple[int, ...], *, keep: int = 0, temperature: float = 1.0) -> Request:
    rng = random.Random(conversation)
    return Request(conversation, keep, ids, rng, temperature, LIMIT, STOPS)


def _answers(subject: Subject, requests: Sequence[Request]) -> list[Completion]:
    """Return the answers to requests that are made at once, of a sampler of their own."""
    sampler = _sampler(subject)

    async def ask() -> list[Completion]:
        answers = await asyncio.gather(*map(sampler.sample, requests))
        for request in requests:
            sampler.release(request.conversation)
        await sampler.close()
        return list(answers)

    return asyncio.run(ask())
