"""A server's application (ASGI): who may ask, how much is read, and what becomes of an error.

Nothing is read of a request without the token. An answer is always JSON; of an error it is
`{"error": {"kind": ..., "message": ...}}`, where the kind is a key of `wire.STATUS`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from rftcore.errors import EpisodeError, RftError
from rftcore.options import validate
from rftcore_serve.routes import Routes, document
from rftcore_serve.sessions import Refusal, Sessions
from rftcore_serve.wire import STATUS, decoded, encoded
from rftcore_serve.worlds import Worlds

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

READING = 30.0
"""Seconds in which the body of a request has to arrive."""

log = logging.getLogger(__name__)


class Application:
    """Answers requests for one environment."""

    def __init__(self, name: str, worlds: Worlds, sessions: Sessions, token: str, most: int) -> None:
        """`most` is the longest body in bytes."""
        self._worlds, self._sessions, self._routes = worlds, sessions, Routes(worlds, sessions)
        self._token, self._most = token.encode(), most
        self._document = document(self._routes, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, value = await self._answer(scope, receive)
            await _send(send, status, value)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Close idle sessions while the server runs, and all of them at its end."""
        await receive()
        sweeping = asyncio.create_task(self._sessions.sweep())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        sweeping.cancel()
        await self._sessions.end()
        self._worlds.end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Mapping[str, Any]]:
        try:
            self._admit(scope)
            if (scope["method"], scope["path"]) == ("GET", "/openapi.json"):
                return 200, self._document
            route, name = self._routes.find(scope["method"], scope["path"])
            asked = _read(await self._body(scope, receive), optional=route.method == "DELETE")
            return 200, await route.answer(name, validate(route.asks, asked, ""))
        except Refusal as refusal:
            return _failure(refusal.kind, str(refusal))
        except TimeoutError as error:
            return _failure("deadline", f"{type(error).__name__}: {error}")
        except RftError as error:
            waited = isinstance(error.__cause__, TimeoutError)
            kind = ("deadline" if waited else "failed") if isinstance(error, EpisodeError) else "invalid"
            return _failure(kind, str(error))
        except Exception as error:
            log.warning("%s %s failed", scope["method"], scope["path"], exc_info=True)
            return _failure("failed", f"{type(error).__name__}: {error}")

    def _admit(self, scope: Scope) -> None:
        """Raise Refusal without the token."""
        given = [value for key, value in scope["headers"] if key == b"authorization"]
        kind, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        if kind.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self._token):
            found = "a wrong token" if given else "no token"
            raise Refusal("unauthorized", f"found {found}, expected the header 'Authorization: Bearer TOKEN'")

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


def _read(body: bytes, *, optional: bool) -> dict[str, Any]:
    if optional and not body:
        return {}
    try:
        value = decoded(body)
    except ValueError as error:
        raise Refusal("malformed", f"found no JSON ({error}), expected an object; see /openapi.json") from None
    if not isinstance(value, dict):
        raise Refusal("malformed", f"found JSON of type {type(value).__name__}, expected an object; see /openapi.json")
    return value


def _failure(kind: str, message: str) -> tuple[int, Mapping[str, Any]]:
    return STATUS[kind], {"error": {"kind": kind, "message": message}}


async def _send(send: Send, status: int, value: Mapping[str, Any]) -> None:
    try:
        body = encoded(value)
    except ValueError as error:  # a reward that is not finite
        status, failure = _failure("failed", f"the environment's answer cannot be sent: {error}")
        body = encoded(failure)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status in (400, 401, 405, 408, 413):  # what else the client sends is not read
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
