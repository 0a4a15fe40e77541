"""The application of the protocol `agentgym`: the token is the first part of the path, and errors look like FastAPI's.

AgentGym's clients send no header of their own, but take any address; so the address holds the token.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from rftcore.options import validate
from rftcore_agentgym.dialect import Asked, Dialect, Route
from rftcore_agentgym.rooms import NoRoom, Rooms
from rftcore_serve.http import Application, Request, read_object, same
from rftcore_serve.sessions import Refusal, Sessions


class AgentGymApplication(Application):
    """Answers the clients of one of AgentGym's servers."""

    def __init__(self, dialect: Dialect, rooms: Rooms, sessions: Sessions, token: str, most: int) -> None:
        """`most` is the longest body in bytes."""
        super().__init__(sessions, most)
        self._dialect, self._rooms, self._token = dialect, rooms, token

    async def answer(self, request: Request) -> Any:
        path = self._admit(request.path)
        if (request.method, path) == ("GET", "/"):
            return self._dialect.greeting
        route = self._find(request.method, path)
        asked = await _read(route, request)
        try:
            return await route.answer(self._rooms, asked)
        except Exception as error:
            if self._dialect.tells and (isinstance(error, NoRoom) or not isinstance(error, Refusal | TimeoutError)):
                return {"error": str(error)}
            raise

    def failure(self, kind: str, message: str) -> Any:
        return {"detail": message}

    def end(self) -> None:
        """There is nothing but the episodes."""

    def _admit(self, path: str) -> str:
        """Return the path without the token. Raises Refusal when it does not begin with it."""
        given, _, rest = path.removeprefix("/").partition("/")
        if not same(given.encode(), self._token):
            raise Refusal("unauthorized", "expected an address that begins with the token: http://HOST:PORT/TOKEN")
        return f"/{rest}"

    def _find(self, method: str, path: str) -> Route:
        routes = [route for route in self._dialect.routes if route.path == path]
        for route in routes:
            if route.method == method:
                return route
        raise Refusal(*("method", "Method Not Allowed") if routes else ("unknown", "Not Found"))


async def _read(route: Route, request: Request) -> Asked:
    """Return what is asked, in the query or in the body. Raises Refusal, and ConfigError when it does not fit."""
    if route.method == "GET":
        return validate(route.asks, dict(parse_qsl(request.query)), "")
    return validate(route.asks, read_object(await request.body(), optional=not route.asks.model_fields), "")
