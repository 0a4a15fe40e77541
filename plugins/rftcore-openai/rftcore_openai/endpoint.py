"""One chat endpoint over HTTP: what passes by itself is tried again, what does not stops the run at once.

The key is read from the environment when the first request is sent, and stays in this object: neither a message of an
error nor anything that is stored holds it, even where a server repeats it.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2 as httpx

from rftcore.errors import ConfigError, RunError
from rftcore.sampler import ContextFull
from rftcore_openai.reading import Answer, Final, Passing, TooLong, Unreadable, read

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before the first retry, doubled with each, and at most; half of a wait is drawn at random."""
PATIENCE = 600.0
"""Longest Retry-After, in seconds, that is waited for."""
FEWEST = 8
"""Requests in a row that have to fail before an endpoint is taken to be down."""
LARGEST = 16 * 2**20
"""Bytes of a response that are read."""
SECRET = 12
"""Characters from which a key is looked for in what a server says. A shorter one is a placeholder, such as `EMPTY`."""

_HINTS = {
    401: "expected a valid key in {variable}",
    403: "expected a key in {variable} that may use this model",
    404: "expected a base_url that ends with the version, as https://api.openai.com/v1, and a model that it serves",
    400: "some models take no temperature; some servers want token_limit=max_tokens",
}


class EndpointFailure(Exception):
    """There was no answer after all tries, and that is not the agent's doing."""


class Endpoint:
    """Sends requests to `url`; as many at once as its callers await."""

    def __init__(self, url: str, variable: str | None, *, timeout: float, retries: int, concurrency: int) -> None:
        """`timeout` is that of one try, in seconds, from the first byte sent to the last one read."""
        self._url, self._variable = url, variable
        self._timeout, self._retries = timeout, retries
        self._stop_after = max(FEWEST, 3 * concurrency)
        self._failed = 0
        self._answered = False
        self._quiet_until = 0.0
        self._client: httpx.AsyncClient | None = None
        self._key = ""

    async def ask(self, body: Mapping[str, Any]) -> Answer:
        """Return the answer to a request.

        Raises ContextFull, EndpointFailure after all tries, and RunError when no further request can help: for an
        error that does not pass, and when so many requests in a row failed that the endpoint must be down.
        """
        for number in range(self._retries + 1):
            await self._silence()
            wait = None
            try:
                answer = await self._once(body)
            except TooLong as error:
                raise ContextFull(self._hidden(str(error))) from None
            except (_Busy, Unreadable, TimeoutError, httpx.TransportError, httpx.DecodingError) as error:
                failure = error
                wait = error.wait if isinstance(error, _Busy) else None
            else:
                self._failed, self._answered = 0, True
                return answer
            if number < self._retries:
                await self._pause(number, wait)
        raise self._given_up(failure) from (failure if isinstance(failure, TimeoutError) else None)

    async def close(self) -> None:
        """Close the connections; the next request opens others."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _once(self, body: Mapping[str, Any]) -> Answer:
        client = self._connected()
        received = bytearray()
        try:
            async with asyncio.timeout(self._timeout), client.stream("POST", self._url, json=body) as response:
                async for chunk in response.aiter_bytes():
                    received += chunk
                    if len(received) > LARGEST:
                        raise Unreadable(f"found more than {LARGEST:,} bytes, expected an answer")
        except (TimeoutError, httpx.TimeoutException):
            raise TimeoutError(f"no whole answer in {self._timeout:g} s") from None
        try:
            return read(response.status_code, response.headers.get("content-type", ""), self._without_key(received))
        except Passing as error:
            raise _Busy(str(error), self._asked_to_wait(response.headers)) from None
        except Final as error:
            raise RunError(self._final(response.status_code, str(error), str(body.get("model")))) from None

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            self._key = api_key(self._variable)
            headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
            self._client = httpx.AsyncClient(headers=headers, timeout=None, limits=limits)
        return self._client

    async def _silence(self) -> None:
        """Wait as long as the endpoint asked everybody to."""
        while (left := self._quiet_until - time.monotonic()) > 0:
            await asyncio.sleep(left + random.uniform(0, 0.1 * left))

    async def _pause(self, number: int, wait: float | None) -> None:
        if wait is not None:
            self._quiet_until = max(self._quiet_until, time.monotonic() + wait)
        longest = min(FIRST_WAIT * 2**number, LONGEST_WAIT)
        await asyncio.sleep(random.uniform(longest / 2, longest))

    def _asked_to_wait(self, headers: httpx.Headers) -> float | None:
        """Return the seconds of Retry-After. Raises RunError when they are more than anybody waits for."""
        wait = retry_after(headers.get("retry-after", ""))
        if wait is not None and wait > PATIENCE:
            raise RunError(
                f"{self._url} asks to wait for {wait:,.0f} s, and at most {PATIENCE:g} s are waited for: resume the "
                "run then, and no answer is paid for twice"
            )
        return wait

    def _given_up(self, failure: Exception) -> Exception:
        self._failed += 1
        told = self._hidden(f"{self._url}: {str(failure) or type(failure).__name__}")
        if self._failed >= (self._stop_after if self._answered else FEWEST):
            return RunError(
                f"{told}\n{self._failed} requests in a row failed, {self._retries + 1} tries each, so the endpoint "
                "seems to be down: resume the run when it is not, and no answer is paid for twice"
            )
        return EndpointFailure(f"{told} ({self._retries + 1} tries)")

    def _final(self, status: int, told: str, model: str) -> str:
        hint = _HINTS.get(status, "the same request would fail again").format(variable=self._variable or "no variable")
        return self._hidden(f"{self._url} refuses a request for model {model!r} with {told}; {hint}")

    def _without_key(self, body: bytearray) -> bytes:
        return re.sub(_written(self._key).encode(), b"[key]", body) if len(self._key) >= SECRET else bytes(body)

    def _hidden(self, text: str) -> str:
        return re.sub(_written(self._key), "[key]", text) if len(self._key) >= SECRET else text


class _Busy(Exception):
    """As Passing, and how long to wait: None where the endpoint does not say."""

    def __init__(self, message: str, wait: float | None) -> None:
        super().__init__(message)
        self.wait = wait


def _written(key: str) -> str:
    """Return a pattern of a key as servers repeat it: plain, in JSON (`\\/`, `\\u002b`), or in an address (`%2B`)."""
    return "".join(
        rf"(?:\\{{0,4}}{re.escape(each)}|\\{{1,4}}u(?i:{ord(each):04x})|%(?i:{ord(each):02x}))" for each in key
    )


def api_key(variable: str | None) -> str:
    """Return the key in an environment variable; an empty one when no variable is named.

    Raises ConfigError, in which the key is never repeated.
    """
    if variable is None:
        return ""
    if not re.fullmatch("[A-Z_][A-Z0-9_]*", variable):
        raise ConfigError(
            "key_variable: expected the name of an environment variable that holds the key, in capitals, and no key"
        )
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError(
            f"key_variable: found nothing in the environment variable {variable}, expected the endpoint's key there; "
            "key_variable=null is for endpoints without one"
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"key_variable: the key in {variable} has characters that no header may have")
    return key


def retry_after(value: str) -> float | None:
    """Return the seconds that a Retry-After header asks for, in either of its forms; None without a readable one."""
    try:
        return max(0.0, float(value)) if value.strip()[:1].isdigit() else _until(value)
    except (ValueError, TypeError):
        return None


def _until(value: str) -> float | None:
    date = parsedate_to_datetime(value)
    aware = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
