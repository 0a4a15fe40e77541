"""The key of the servers: where it comes from, and that no error holds it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from rftcore.errors import ConfigError, RunError
from rftcore.sampler import Request, SamplerFailure
from rftcore_vllm.replica import Replica
from rftcore_vllm.sampler import VllmServerSampler


def ask(number: int = 0, tokens: int = 4) -> Request:
    return Request(number, 0, (5, 6, 7), random.Random(number), 1.0, tokens, frozenset())


def sample(sampler: VllmServerSampler, request: Request) -> Any:
    return asyncio.run(sampler.sample(request))


def test_the_key_comes_from_the_environment(
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = build()
    server = serve(model, key="secret")
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"refused the key; .* in the variable VLLM_API_KEY"):
        connect(model, server)
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    assert len(sample(connect(model, server), ask()).token_ids) == 4


KEY = 'vk-very/secret+"key"'


def _as_addresses(said: str) -> str:
    return said.replace(KEY, quote(KEY, safe=""))


def _as_json(said: str) -> str:
    return said.replace(KEY, json.dumps(KEY)[1:-1].replace("/", "\\/"))


@pytest.mark.parametrize("escaped", [str, _as_json, _as_addresses])
@pytest.mark.parametrize("status", [502, 404, 400, 200])
def test_a_key_that_a_server_repeats_is_in_no_error(
    status: int, escaped: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_API_KEY", KEY)
    shown = 100 if status == 200 else 500

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert f"Authorization: Bearer {KEY}" in (await reader.readuntil(b"\r\n\r\n")).decode()
        said = escaped(f"<html>{'-' * (shown - 25)} you sent {KEY}").encode()  # what is shown ends within the key
        writer.write(b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n" % (status, len(said)) + said)
        writer.close()

    async def talk() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, aiohttp.ClientSession() as session:
            await Replica(url, session).call("GET", "/v1/models", timeout=10)

    with pytest.raises((SamplerFailure, RunError)) as error:
        asyncio.run(talk())
    assert "you sent [key]" in str(error.value)


def test_a_key_in_an_answer_that_cannot_be_used_is_in_no_error(
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VLLM_API_KEY", KEY)
    model = build()
    server = serve(model, key=KEY)
    sampler = connect(model, server)
    server.garbles = lambda found: {**found, "choices": [{**found["choices"][0], "finish_reason": f"for {KEY}"}]}
    with pytest.raises(SamplerFailure, match=r"it ended with 'for \[key\]'"):
        sample(sampler, ask())
