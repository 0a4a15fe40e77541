"""HTTP for a protocol, as an ASGI application: how much is read, how long is waited, and what becomes of an error.

What is asked and answered is the protocol's. Nothing is read of a request before the protocol has admitted it, and an
answer is always JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import h11

from rftcore.errors import EpisodeError, RftError
from rftcore_serve.sessions import Refusal, Sessions
from rftcore_serve.wire import STATUS, decoded, encoded

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

READING = 30.0
"""Seconds in which the body of a request has to arrive."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks; its body is read when `body` is awaited."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: Callable[[], Awaitable[bytes]]


class Application(ABC):
    """Answers requests for one environment."""

    def __init__(self, sessions: Sessions, most: int) -> None:
        """`most` is the longest body in bytes."""
        self.sessions = sessions
        self._most = most

    @abstractmethod
    async def answer(self, request: Request) -> Any:
        """Return what is answered with status 200, as JSON has it. Raises Refusal, and what an environment raises."""

    @abstractmethod
    def failure(self, kind: str, message: str) -> Any:
        """Return what is answered when something is wrong: `kind` is a key of `wire.STATUS`, which gives the status."""

    @abstractmethod
    def end(self) -> None:
        """Let go of what it holds; every episode is closed by then."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, value = await self._answer(scope, receive)
            await self._send(send, status, value)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Close idle sessions while the server runs, and all of them at its end."""
        await receive()
        sweeping = asyncio.create_task(self.sessions.sweep())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        sweeping.cancel()
        await self.sessions.end()
        self.end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Any]:
        request = Request(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=tuple(scope["headers"]),
            body=lambda: self._body(scope, receive),
        )
        try:
            return 200, await self.answer(request)
        except Exception as error:
            kind, message = told(error)
            if kind == "failed" and not isinstance(error, RftError):
                # Only the end of the path: its beginning may hold a token.
                log.warning("%s %s failed", request.method, request.path.rpartition("/")[2], exc_info=True)
            return STATUS[kind], self.failure(kind, message)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Return what was sent. Raises Refusal when it is too much, or does not arrive."""
        lengths = [value for key, value in scope["headers"] if key == b"content-length"]
        if lengths and int(lengths[0]) > self._most:
            raise self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(READING):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise Refusal("malformed", "the connection was closed within the request")
                    body += message.get("body", b"")
                    if len(body) > self._most:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise Refusal("slow", f"the request did not arrive within {READING:g} s; send it again") from None

    def _too_large(self) -> Refusal:
        return Refusal(
            "large",
            f"found a body of more than {self._most} bytes, expected no more; serve with --with body={2 * self._most}",
        )

    async def _send(self, send: Send, status: int, value: Any) -> None:
        try:
            body = encoded(value)
        except ValueError as error:  # a reward that is not finite
            status = STATUS["failed"]
            body = encoded(self.failure("failed", f"the environment's answer cannot be sent: {error}"))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if status in (400, 401, 405, 408, 413):  # what else the client sends is not read
            headers.append((b"connection", b"close"))
        # What follows on a request may be no HTTP: then uvicorn has refused it all before there was an answer.
        with contextlib.suppress(h11.LocalProtocolError):
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})


def told(error: Exception) -> tuple[str, str]:
    """Return the kind of an error, a key of `wire.STATUS`, and its message."""
    if isinstance(error, Refusal):
        return error.kind, str(error)
    if isinstance(error, TimeoutError):
        return "deadline", f"{type(error).__name__}: {error}"
    if isinstance(error, EpisodeError):
        return "deadline" if isinstance(error.__cause__, TimeoutError) else "failed", str(error)
    if isinstance(error, RftError):
        return "invalid", str(error)
    return "failed", f"{type(error).__name__}: {error}"


def same(given: bytes, token: str) -> bool:
    """Return whether a token is the right one, in a time that does not tell how much of it is."""
    return hmac.compare_digest(given, token.encode())


def read_object(body: bytes, *, optional: bool = False) -> dict[str, Any]:
    """Return the JSON object that a body is, or {} for an empty one that is `optional`. Raises Refusal."""
    if optional and not body:
        return {}
    try:
        value = decoded(body)
    except ValueError as error:
        raise Refusal("malformed", f"found no JSON ({error}), expected an object") from None
    if not isinstance(value, dict):
        raise Refusal("malformed", f"found JSON of type {type(value).__name__}, expected an object")
    return value
