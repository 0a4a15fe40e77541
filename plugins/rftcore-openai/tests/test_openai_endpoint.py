"""The endpoint over real sockets: what is tried again and how often, what stops at once, and what nobody sees."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from rftcore.errors import ConfigError, RunError
from rftcore.sampler import ContextFull
from rftcore_openai import endpoint
from rftcore_openai.endpoint import Endpoint, EndpointFailure, api_key, retry_after
from rftcore_openai.reading import Answer

from .conftest import KEY, VARIABLE, Behaviour, Chat, Reply, refuses, says

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def ask(chat: Chat, behave: Behaviour, *, times: int = 1, timeout: float = 60.0, retries: int = 3) -> list[Any]:
    """Ask `times` times at once; return the answers, or what was raised."""
    chat.behave = behave
    asked = Endpoint(f"{chat.url}/chat/completions", VARIABLE, timeout=timeout, retries=retries, concurrency=2)

    async def all_of_them() -> list[Any]:
        try:
            return await asyncio.gather(*(asked.ask(BODY) for _ in range(times)), return_exceptions=True)
        finally:
            await asked.close()

    return asyncio.run(all_of_them())


def after(failures: int, failure: Reply) -> Behaviour:
    """Fail so many times, then answer."""
    return lambda body, number: failure if number < failures else says("go")


def test_a_request_is_what_was_asked_with_the_key_in_its_header_only(chat: Chat) -> None:
    (answer,) = ask(chat, lambda body, number: says("go"))
    assert answer == Answer("go", "stop", 10, 2)
    assert (chat.bodies, chat.paths) == ([BODY], ["/v1/chat/completions"])
    assert chat.headers[0]["authorization"] == f"Bearer {KEY}"


FAILURES = {
    "busy": refuses(429),
    "overloaded": refuses(503, "overloaded"),
    "a page of a proxy": Reply(b"<html>Bad gateway</html>", 502, {"Content-Type": "text/html"}),
    "a page in place of an answer": Reply(b"<html>Welcome</html>", 200, {"Content-Type": "text/html"}),
    "truncated JSON": Reply(says("go").body[:-20]),
    "a connection that ends early": Reply(says("go").body, missing=30),
    "a connection that is reset": Reply(b"", reset=True),
    "a stream of events": Reply(b'data: {"choices": []}\n\n', 200, {"Content-Type": "text/event-stream"}),
}
LATE = {
    "an answer that begins too late": Reply(says("late").body, before=3.0),
    "an answer that drips": Reply(says("late").body, drip=0.05),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_what_may_pass_is_tried_again_until_there_is_an_answer(chat: Chat, failure: Reply) -> None:
    assert ask(chat, after(2, failure)) == [Answer("go", "stop", 10, 2)]
    assert len(chat.bodies) == 3


@pytest.mark.parametrize("failure", LATE.values(), ids=LATE)
def test_what_is_late_is_tried_again_too_and_is_a_timeout_in_the_record(chat: Chat, failure: Reply) -> None:
    assert ask(chat, after(1, failure), timeout=1.5, retries=6) == [Answer("go", "stop", 10, 2)]
    assert len(chat.bodies) >= 2
    (error,) = ask(chat, lambda body, number: failure, timeout=0.3, retries=1)
    assert type(error) is EndpointFailure and "no whole answer in 0.3 s (2 tries)" in str(error)
    assert isinstance(error.__cause__, TimeoutError)


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_when_nothing_helps_the_failure_is_the_machines_and_says_what_was_seen(chat: Chat, failure: Reply) -> None:
    (error,) = ask(chat, after(99, failure), retries=1)
    assert type(error) is EndpointFailure
    assert str(error).startswith(f"{chat.url}/chat/completions: ") and str(error).endswith(" (2 tries)")
    assert len(chat.bodies) == 2
    assert error.__cause__ is None


def test_a_slow_answer_within_the_time_is_an_answer(chat: Chat) -> None:
    reply = Reply(says("go").body, before=0.2)
    assert ask(chat, lambda body, number: reply) == [Answer("go", "stop", 10, 2)]
    assert len(chat.bodies) == 1


def test_a_huge_answer_is_read_to_a_limit(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "LARGEST", 100_000)
    (error,) = ask(chat, lambda body, number: says("x" * 100_000), retries=0)
    assert "found more than 100,000 bytes, expected an answer" in str(error)
    (answer,) = ask(chat, lambda body, number: says("x" * 90_000))
    assert len(answer.text) == 90_000


def test_in_a_storm_of_429_everybody_waits_as_long_as_the_endpoint_asks(chat: Chat) -> None:
    storm = 4
    found = ask(chat, after(storm, refuses(429, "slow down", None, Retry_After="1")), times=4)
    assert [answer.text for answer in found] == ["go"] * 4
    assert len(chat.bodies) == storm + 4
    assert min(chat.at[storm:]) - chat.at[0] >= 1.0, "nobody asked before the time was over"


def test_waits_grow_and_are_not_all_equal(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.1)
    ask(chat, after(99, refuses(500)), retries=3)
    gaps = [later - earlier for earlier, later in zip(chat.at, chat.at[1:], strict=False)]
    assert gaps[0] >= 0.05 and gaps[1] >= 0.1 and gaps[2] >= 0.2, "at least half of 0.1, 0.2, 0.4 s"


def test_a_wait_that_is_too_long_stops_the_run(chat: Chat) -> None:
    (error,) = ask(chat, after(1, refuses(429, "daily limit", None, Retry_After="86400")))
    assert type(error) is RunError and "asks to wait for 86,400 s, and at most 600 s are waited for" in str(error)
    assert len(chat.bodies) == 1


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (refuses(401, "Incorrect API key"), f"expected a valid key in {VARIABLE}"),
        (refuses(403, "not yours"), f"expected a key in {VARIABLE} that may use this model"),
        (refuses(404, "no such model"), "expected a base_url that ends with the version"),
        (refuses(400, "no temperature"), "some models take no temperature; some servers want token_limit=max_tokens"),
        (refuses(429, "pay first", "insufficient_quota"), "status 429: pay first"),
        (refuses(301, "moved", None, Location="http://127.0.0.1:9/"), "status 301: moved"),
    ],
)
def test_what_does_not_pass_stops_the_run_at_the_first_try(chat: Chat, failure: Reply, told: str) -> None:
    (error,) = ask(chat, after(99, failure))
    assert type(error) is RunError and told in str(error) and "model 'm'" in str(error)
    assert len(chat.bodies) == 1


def test_a_conversation_that_is_too_long_ends_its_episode_and_not_the_run(chat: Chat) -> None:
    (error,) = ask(chat, after(99, refuses(400, "too long", "context_length_exceeded")))
    assert type(error) is ContextFull


def test_an_endpoint_that_is_down_stops_the_run_after_enough_requests_in_a_row(chat: Chat) -> None:
    found = ask(chat, after(99, refuses(500)), times=9, retries=0)
    assert [type(error) for error in found].count(EndpointFailure) == 7
    stopped = "\n".join(str(error) for error in found if type(error) is RunError)
    assert "8 requests in a row failed, 1 tries each, so the endpoint seems to be down" in stopped


@pytest.mark.parametrize(("answers", "stopping"), [(0, 8), (1, 48)])
def test_an_endpoint_that_never_answered_is_down_sooner_than_one_that_did(
    chat: Chat, answers: int, stopping: int
) -> None:
    chat.behave = lambda body, number: says("go") if number < answers else refuses(500)
    asked = Endpoint(f"{chat.url}/chat/completions", VARIABLE, timeout=60, retries=0, concurrency=16)

    async def one_after_the_other() -> list[Any]:
        return [(await asyncio.gather(asked.ask(BODY), return_exceptions=True))[0] for _ in range(answers + stopping)]

    found = asyncio.run(one_after_the_other())
    assert [type(one) for one in found] == [Answer] * answers + [EndpointFailure] * (stopping - 1) + [RunError]


def test_an_answer_in_between_starts_the_count_of_failures_anew(chat: Chat) -> None:
    chat.behave = lambda body, number: says("go") if number % 4 == 3 else refuses(500)
    asked = Endpoint(f"{chat.url}/chat/completions", VARIABLE, timeout=60, retries=0, concurrency=2)

    async def one_after_the_other() -> list[Any]:
        return [(await asyncio.gather(asked.ask(BODY), return_exceptions=True))[0] for _ in range(12)]

    found = asyncio.run(one_after_the_other())
    assert [type(one) for one in found] == [EndpointFailure, EndpointFailure, EndpointFailure, Answer] * 3


def test_nobody_listening_is_a_failure_of_the_machine() -> None:
    asked = Endpoint("http://127.0.0.1:9/v1/chat/completions", None, timeout=5, retries=1, concurrency=1)
    with pytest.raises(EndpointFailure, match=r"127.0.0.1:9.* \(2 tries\)"):
        asyncio.run(asked.ask(BODY))


def test_a_key_that_the_server_repeats_is_in_no_answer_error_or_log(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (refused,) = ask(chat, lambda body, number: refuses(401, f"Incorrect API key provided: {KEY}"))
    (down,) = ask(chat, lambda body, number: Reply(f"<p>{KEY}</p>".encode(), 502), retries=0)
    (answer,) = ask(chat, lambda body, number: says(f"my key is {KEY}"))
    assert "provided: [key]" in str(refused) and "[key]" in str(down) and answer.text == "my key is [key]"
    assert KEY not in caplog.text and "HTTP/1.1 200 OK" in caplog.text


@pytest.mark.parametrize(
    "written", [r"sk-t3st\/9f+7c51d2e84b06", r"sk-t3st/9f\u002B7c51d2e84b06", "sk-t3st%2f9f%2B7c51d2e84b06"]
)
def test_a_key_that_is_repeated_in_another_form_is_hidden_too(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv(VARIABLE, "sk-t3st/9f+7c51d2e84b06")
    body = says("my key is KEY").body.replace(b"KEY", written.encode())
    (answer,) = ask(chat, lambda body_, number: Reply(body))
    (broken,) = ask(chat, lambda body_, number: Reply(body[:-20]), retries=0)
    (refused,) = ask(chat, lambda body_, number: Reply(body, 401))
    assert answer.text == "my key is [key]"
    assert all("my key is [key]" in str(error) for error in (broken, refused))


def test_a_placeholder_is_no_secret_and_changes_no_answer(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "EMPTY")
    (answer,) = ask(chat, lambda body, number: says("the box is EMPTY"))
    assert answer.text == "the box is EMPTY"


def test_a_key_is_found_in_the_environment_or_the_message_says_where_it_was_expected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (api_key(VARIABLE), api_key(None)) == (KEY, "")
    monkeypatch.setenv(VARIABLE, " ")
    with pytest.raises(ConfigError, match=f"found nothing in the environment variable {VARIABLE}"):
        api_key(VARIABLE)
    monkeypatch.setenv(VARIABLE, "sk-\nnext")
    with pytest.raises(ConfigError, match="characters that no header may have"):
        api_key(VARIABLE)
    for mistaken in ("sk-proj-abcdef", "gsk_abcdef"):
        with pytest.raises(ConfigError) as error:
            api_key(mistaken)
        assert mistaken not in str(error.value)


def test_both_forms_of_retry_after_are_read() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert (retry_after("1.5"), retry_after("0")) == (1.5, 0.0)
    assert 95 < (retry_after(later) or 0) <= 100
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert [retry_after(text) for text in ("", "soon", "-3", "1h")] == [None] * 4


def test_several_requests_are_in_flight_at_once(chat: Chat) -> None:
    all_there = threading.Barrier(5)

    def behave(body: dict[str, Any], number: int) -> Reply:
        all_there.wait(60)
        return says(json.dumps(number))

    found = ask(chat, behave, times=5)
    assert sorted(answer.text for answer in found) == ["0", "1", "2", "3", "4"]
    assert chat.most == 5
