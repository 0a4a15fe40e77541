"""What is said to `vllm serve` and what it answers, as plain values.

Two routes give tokens for tokens. `/inference/v1/generate` (vLLM 0.30 and later, `--enable-scale-out`) also tells which
weights made each token, and is preferred; `/v1/completions` is there on every server. Nothing of an answer is guessed:
what is missing or does not fit makes it a failure, because it would be trained on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rftcore.sampler import SamplerFailure

GENERATE = "/inference/v1/generate"
COMPLETIONS = "/v1/completions"


@dataclass(frozen=True, slots=True)
class Question:
    """One answer that is asked for."""

    prompt: list[int]
    temperature: float
    max_tokens: int
    stop_ids: tuple[int, ...]
    seed: int
    """From 0 to 2**31 - 1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server made of a question; the lists belong to the sampled tokens."""

    prompt: list[int]
    """As the server has it."""
    token_ids: list[int]
    logprobs: list[float]
    """At the sampling temperature; at 1.0 when it is 0.0."""
    tags: list[str] | None
    """Which weights made each; None where the route does not tell."""


def sampling(question: Question) -> dict[str, Any]:
    """Return the sampling parameters of a question, by vLLM's names.

    Every one that shapes the distribution is stated: a model's `generation_config.json` shall not.
    """
    return {
        "n": 1,
        "temperature": question.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "seed": question.seed,
        "max_tokens": question.max_tokens,
        "stop_token_ids": list(question.stop_ids),
        "ignore_eos": True,
        "logprobs": 0,
    }


def body(route: str, model: str, question: Question) -> dict[str, Any]:
    """Return the JSON that asks `route` for an answer."""
    if route == GENERATE:
        parameters = {**sampling(question), "detokenize": False, "output_kind": 2}
        return {"model": model, "token_ids": question.prompt, "sampling_params": parameters, "return_token_ids": True}
    asked = {"return_token_ids": True, "return_tokens_as_token_ids": True}
    return {"model": model, "prompt": [question.prompt], **sampling(question), **asked}


def read(route: str, found: Any, question: Question) -> Answer:
    """Return the answer in a server's JSON. Raises SamplerFailure when it is not a whole one to `question`."""
    try:
        (choice,) = found["choices"]
        token_ids = [int(token) for token in choice["token_ids"]]
        if route == GENERATE:
            prompt, content = found["prompt_token_ids"], choice["logprobs"]["content"]
            named = [int(entry["token_id"]) for entry in content]
            logprobs = [float(entry["logprob"]) for entry in content]
            spans = choice["weight_versions"]
            tags = spans and spread([(span["version"], span["start"], span["end"]) for span in spans], len(token_ids))
        else:
            prompt, told = choice["prompt_token_ids"], choice["logprobs"]
            named = [int(token.removeprefix("token_id:")) for token in told["tokens"]]
            logprobs = [float(logprob) for logprob in told["token_logprobs"]]
            tags = None
        answer = Answer(list(prompt), token_ids, logprobs, tags)
        reason = choice["finish_reason"]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise SamplerFailure(f"an answer cannot be read ({type(error).__name__}: {error})") from error
    return checked(answer, question, named=named, reason=reason)


def spread(spans: Sequence[tuple[str, int, int]], count: int) -> list[str]:
    """Write out spans `(version, start, end)` of the weights that made an answer, a tag for each of `count` tokens.

    Raises ValueError when they cover another number of tokens.
    """
    tags = [version for version, start, end in spans for _ in range(start, end)]
    if len(tags) != count:
        raise ValueError(f"its weight versions cover {len(tags)} of {count} tokens")
    return tags


def checked(answer: Answer, question: Question, *, named: list[int], reason: str | None) -> Answer:
    """Return `answer`. Raises SamplerFailure when it is not a whole answer to `question`.

    `named` are the tokens that its logprobs belong to, `reason` says why it ended.
    """
    problem, count = "", len(answer.token_ids)
    if reason not in ("stop", "length"):
        problem = f"it ended with {reason!r}"
    elif answer.prompt != question.prompt:
        problem = "its prompt is not what was sent"
    elif not 1 <= count <= question.max_tokens:
        problem = f"it has {count} tokens, of 1 to {question.max_tokens}"
    elif named != answer.token_ids:
        problem = "its logprobs are of other tokens"
    elif not all(math.isfinite(logprob) and logprob <= 1e-4 for logprob in answer.logprobs):
        problem = f"its logprobs are {answer.logprobs}"
    if problem:
        raise SamplerFailure(f"an answer cannot be used: {problem}")
    return answer
