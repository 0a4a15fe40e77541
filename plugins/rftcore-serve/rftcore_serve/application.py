"""The application of the protocol `rftcore`: requests with the token, JSON objects, and errors that say their kind.

An error is `{"error": {"kind": ..., "message": ...}}`, where the kind is a key of `wire.STATUS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rftcore.options import validate
from rftcore_serve.http import Application, Request, read_object, same
from rftcore_serve.routes import Routes, document
from rftcore_serve.sessions import Refusal, Sessions
from rftcore_serve.worlds import Worlds


class JsonApplication(Application):
    """Answers requests of the environment `remote`, and of whoever reads the OpenAPI document."""

    def __init__(self, name: str, worlds: Worlds, sessions: Sessions, token: str, most: int) -> None:
        """`most` is the longest body in bytes."""
        super().__init__(sessions, most)
        self._worlds, self._routes, self._token = worlds, Routes(worlds, sessions), token
        self._document = document(self._routes, name)

    async def answer(self, request: Request) -> Mapping[str, Any]:
        self._admit(request)
        if (request.method, request.path) == ("GET", "/openapi.json"):
            return self._document
        route, name = self._routes.find(request.method, request.path)
        asked = read_object(await request.body(), optional=route.method == "DELETE")
        return await route.answer(name, validate(route.asks, asked, ""))

    def failure(self, kind: str, message: str) -> Mapping[str, Any]:
        return {"error": {"kind": kind, "message": message}}

    def end(self) -> None:
        self._worlds.end()

    def _admit(self, request: Request) -> None:
        """Raise Refusal without the token."""
        given = [value for key, value in request.headers if key == b"authorization"]
        kind, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        if kind.lower() != b"bearer" or not same(token.strip(), self._token):
            found = "a wrong token" if given else "no token"
            raise Refusal("unauthorized", f"found {found}, expected the header 'Authorization: Bearer TOKEN'")
