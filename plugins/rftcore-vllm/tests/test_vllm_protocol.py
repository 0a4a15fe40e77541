"""The JSON of both routes: what is asked, what is read, and that half an answer is none."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from rftcore.sampler import SamplerFailure
from rftcore_vllm.protocol import COMPLETIONS, GENERATE, Question, body, read

QUESTION = Question([7, 8, 9, 10], 0.7, 3, (2, 5), 99)

GENERATED: dict[str, Any] = {
    "request_id": "generate-tokens-1",
    "model": "policy",
    "created": 1,
    "usage": {"prompt_tokens": 4, "total_tokens": 7, "completion_tokens": 3},
    "output_mode": "tokens",
    "prompt_token_ids": [7, 8, 9, 10],
    "choices": [
        {
            "index": 0,
            "finish_reason": "length",
            "stop_reason": None,
            "token_ids": [1013, 1488, 727],
            "weight_versions": [{"version": "a-1", "start": 0, "end": 2}, {"version": "a-2", "start": 2, "end": 3}],
            "logprobs": {
                "content": [
                    {"token_id": 1013, "logprob": -7.6, "rank": 9, "top_logprobs": []},
                    {"token_id": 1488, "logprob": -0.5, "rank": 1, "top_logprobs": []},
                    {"token_id": 727, "logprob": -2.0, "rank": 2, "top_logprobs": []},
                ]
            },
        }
    ],
}

COMPLETED: dict[str, Any] = {
    "id": "cmpl-1",
    "object": "text_completion",
    "model": "policy",
    "choices": [
        {
            "index": 0,
            "text": "",
            "logprobs": {
                "text_offset": [0, 0, 0],
                "token_logprobs": [-7.06, -0.1, -3.5],
                "tokens": ["token_id:1069", "token_id:654", "token_id:350"],
                "top_logprobs": [],
            },
            "finish_reason": "stop",
            "stop_reason": 350,
            "token_ids": [1069, 654, 350],
            "prompt_logprobs": None,
            "prompt_token_ids": [7, 8, 9, 10],
        }
    ],
}


def test_generate_gives_ids_logprobs_and_the_weights_of_each_token() -> None:
    answer = read(GENERATE, GENERATED, QUESTION)
    assert answer.prompt == [7, 8, 9, 10]
    assert answer.token_ids == [1013, 1488, 727]
    assert answer.logprobs == [-7.6, -0.5, -2.0]
    assert answer.tags == ["a-1", "a-1", "a-2"]


def test_completions_give_ids_and_logprobs_and_do_not_tell_the_weights() -> None:
    answer = read(COMPLETIONS, COMPLETED, QUESTION)
    assert answer.token_ids == [1069, 654, 350]
    assert answer.logprobs == [-7.06, -0.1, -3.5]
    assert answer.tags is None


def test_both_routes_are_told_the_whole_distribution() -> None:
    whole = {
        "temperature": 0.7,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "seed": 99,
        "max_tokens": 3,
        "stop_token_ids": [2, 5],
        "ignore_eos": True,
        "logprobs": 0,
    }
    tokens = body(GENERATE, "policy", QUESTION)
    assert (tokens["model"], tokens["token_ids"]) == ("policy", [7, 8, 9, 10])
    assert tokens["sampling_params"].items() >= whole.items()
    texts = body(COMPLETIONS, "policy", QUESTION)
    assert texts["prompt"] == [[7, 8, 9, 10]]
    assert texts.items() >= whole.items()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found, choice: choice["token_ids"].pop(), "weight versions cover 3 of 2 tokens"),
        (lambda found, choice: choice["logprobs"]["content"].pop(), "logprobs are of other tokens"),
        (lambda found, choice: choice["logprobs"]["content"][1].update(token_id=4), "logprobs are of other tokens"),
        (lambda found, choice: choice["logprobs"]["content"][1].update(logprob=float("nan")), "its logprobs are"),
        (lambda found, choice: choice["logprobs"]["content"][1].update(logprob=0.3), "its logprobs are"),
        (lambda found, choice: choice.update(logprobs=None), "cannot be read"),
        (lambda found, choice: choice.update(finish_reason="abort"), "it ended with 'abort'"),
        (lambda found, choice: found.update(prompt_token_ids=[7, 8]), "its prompt is not what was sent"),
        (lambda found, choice: found.update(choices=[]), "cannot be read"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_a_failure_and_no_answer(change: Any, message: str) -> None:
    found = copy.deepcopy(GENERATED)
    change(found, found["choices"][0])
    with pytest.raises(SamplerFailure, match=message):
        read(GENERATE, found, QUESTION)


def test_an_empty_answer_is_a_failure() -> None:
    found = copy.deepcopy(COMPLETED)
    found["choices"][0].update(token_ids=[], logprobs={"tokens": [], "token_logprobs": []})
    with pytest.raises(SamplerFailure, match="it has 0 tokens, of 1 to 3"):
        read(COMPLETIONS, found, QUESTION)
