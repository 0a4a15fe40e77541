"""What a response means, whatever the server that sent it understands by compatible."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rftcore_openai.reading import Answer, Final, Passing, TooLong, Unreadable, read


def response(message: Any, finish: Any = "stop", **more: Any) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}], **more}).encode()


def read_json(body: bytes, status: int = 200) -> Answer:
    return read(status, "application/json", body)


def test_an_answer_is_its_text_its_end_and_its_tokens() -> None:
    usage = {"prompt_tokens": 31, "completion_tokens": 7, "total_tokens": 38}
    assert read_json(response({"content": " go east\n"}, usage=usage)) == Answer(" go east\n", "stop", 31, 7)


@pytest.mark.parametrize(
    ("message", "finish", "text"),
    [
        ({"content": "go ea"}, "length", "go ea"),
        ({"content": None, "reasoning_content": "hm"}, "length", ""),
        ({"content": ""}, "stop", ""),
        ({"content": None, "tool_calls": [{"function": {"name": "go", "arguments": "{}"}}]}, "tool_calls", ""),
        ({"content": None, "refusal": "I will not."}, "stop", "I will not."),
        ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "go"}]}, "stop", "go"),
        ({"content": "half \ud83d of a pair"}, "stop", "half ? of a pair"),
    ],
)
def test_an_answer_is_taken_as_it_stands_and_without_text_it_is_empty(message: Any, finish: str, text: str) -> None:
    assert read_json(response(message, finish)) == Answer(text, finish)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "31"}, {"prompt_tokens": -1, "completion_tokens": True}])
def test_tokens_that_the_endpoint_does_not_tell_are_not_made_up(usage: Any) -> None:
    assert read_json(response({"content": "go"}, usage=usage)) == Answer("go", "stop", None, None)


def test_an_answer_may_come_under_another_content_type() -> None:
    assert read(200, "text/plain; charset=utf-8", response({"content": "go"})).text == "go"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (response({"content": "go"})[:-9], "of text/html that are no JSON"),
        (b"<html><script>x()</script><body>Bad\n gateway</body></html>", "that are no JSON: Bad gateway"),
        (b"data: {}\n\n", "that are no JSON"),
        (b"", "found 0 bytes of text/html"),
        (b'{"choices": []}', "without choices[0].message"),
        (b'{"choices": [{"message": "go"}]}', "without choices[0].message"),
        (b"[1]", "without choices[0].message"),
        (b"\xff\xfe", "that are no JSON"),
    ],
)
def test_what_is_no_answer_is_shown_and_may_be_asked_for_again(body: bytes, told: str) -> None:
    with pytest.raises(Unreadable) as error:
        read(200, "text/html", body)
    assert told in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529])
def test_statuses_that_pass(status: int) -> None:
    with pytest.raises(Passing, match=f"status {status}: busy"):
        read(status, "application/json", b'{"error": {"message": "busy"}}')


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, b'{"error": {"message": "Incorrect key", "code": "invalid_api_key"}}', "status 401: Incorrect key"),
        (404, b'{"error": {"message": "no such model", "code": 404}}', "status 404: no such model"),
        (400, b'{"detail": "Unsupported parameter"}', "status 400: Unsupported parameter"),
        (422, b'{"detail": [{"loc": ["body", "n"]}]}', 'status 422: [{"loc": ["body", "n"]}]'),
        (400, b'{"object": "error", "message": "bad request", "code": 400}', "status 400: bad request"),
        (403, b"<h1>Forbidden</h1>", "status 403: Forbidden"),
        (301, b"", "status 301: without a reason"),
        (429, b'{"error": {"message": "exceeded your quota", "code": "insufficient_quota"}}', "exceeded your quota"),
    ],
)  # fmt: skip
def test_statuses_that_do_not_pass(status: int, body: bytes, told: str) -> None:
    with pytest.raises(Final) as error:
        read(status, "", body)
    assert told in str(error.value)


def test_an_error_that_comes_with_status_200_is_one_all_the_same() -> None:
    with pytest.raises(Passing, match="status 429: slow down"):
        read_json(b'{"error": {"message": "slow down", "code": 429}}')
    with pytest.raises(Final, match="status 402: no credit"):
        read_json(b'{"error": {"message": "no credit", "code": 402}}')
    with pytest.raises(Passing, match="status 502: upstream"):
        read_json(b'{"error": "upstream"}')


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "too long", "code": "context_length_exceeded"}}',
        b'{"error": {"message": "This model\'s maximum context length is 4096 tokens. However, you ..."}}',
    ],
)
def test_a_conversation_that_does_not_fit_is_no_failure_of_the_machine(body: bytes) -> None:
    with pytest.raises(TooLong):
        read(400, "application/json", body)


def test_a_filtered_conversation_is_answered_with_nothing() -> None:
    body = b'{"error": {"message": "filtered", "code": "content_filter"}}'
    assert read(400, "application/json", body) == Answer("", "content_filter", 0, 0)
