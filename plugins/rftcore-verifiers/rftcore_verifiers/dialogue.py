"""One rollout of the library, in which an agent of rftcore writes what a model would.

The library's own loop runs, with all that an environment may override. Its client, which would ask a model, hands the
prompt to whoever plays, and waits for the reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from rftcore_verifiers.messages import Call
from rftcore_verifiers.source import library

MODEL = "rftcore"
"""The name of the model, which some environments write down."""


class Asked(NamedTuple):
    """The environment's turn is over: what a model would read now."""

    prompt: Sequence[Any]


class Ended(NamedTuple):
    """The rollout is over, and has its reward."""

    state: Mapping[str, Any]


class Dialogue:
    """A rollout of one row. Its methods are coroutines of one event loop."""

    def __init__(self, environment: Any, row: Mapping[str, Any]) -> None:
        self._environment, self._row = environment, row
        self._prompts: asyncio.Queue[Sequence[Any]] = asyncio.Queue()
        self._replies: asyncio.Queue[Any] = asyncio.Queue()
        self._rollout: asyncio.Task[Mapping[str, Any]] | None = None

    async def begin(self) -> Asked | Ended:
        """Begin it, and return what comes first. Raises what the environment raises."""
        self._rollout = asyncio.create_task(self._play())
        return await self._next()

    async def reply(self, text: str, call: Call | None) -> Asked | Ended:
        """Have a model's reply taken, and return what comes next. Raises what the environment raises."""
        await self._replies.put(_response(text, call))
        return await self._next()

    async def leave(self) -> None:
        """Stop it, wherever it is; the environment cleans up."""
        if self._rollout is not None and not self._rollout.done():
            self._rollout.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._rollout

    async def ask(self, prompt: Sequence[Any]) -> Any:
        """Hand a prompt over, and return the reply to it: the client's part."""
        await self._prompts.put(prompt)
        return await self._replies.get()

    async def _play(self) -> Mapping[str, Any]:
        rubric = self._environment.rubric
        state: Mapping[str, Any] = await self._environment.rollout(self._row, _client()(self), MODEL, {})
        await rubric.score_rollout(state)
        await rubric.cleanup(state)
        return state

    async def _next(self) -> Asked | Ended:
        assert self._rollout is not None
        asked = asyncio.create_task(self._prompts.get())
        await asyncio.wait({self._rollout, asked}, return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return Asked(asked.result())
        asked.cancel()
        return Ended(self._rollout.result())


def _response(text: str, call: Call | None) -> Any:
    """Return the reply of a model that says `text`, or calls a tool."""
    types = library().types
    calls = [types.ToolCall(id="call", name=call.name, arguments=call.arguments)] if call else None
    message = types.ResponseMessage(
        content="" if call else text,
        tool_calls=calls,
        finish_reason="tool_calls" if call else "stop",
        is_truncated=False,
    )
    return types.Response(id="reply", created=0, model=MODEL, message=message)


@cache
def _client() -> type[Any]:
    """Return the client's class, made once: what it derives from is there when the library is."""

    class Client(library().Client):  # type: ignore[misc]
        """Asks a dialogue where others ask a model service."""

        async def get_response(self, prompt: Sequence[Any], *_: Any, **__: Any) -> Any:
            dialogue: Dialogue = self.client
            return await dialogue.ask(prompt)

        def setup_client(self, _: Any) -> Any: ...
        async def to_native_tool(self, _: Any) -> Any: ...
        async def to_native_prompt(self, _: Any) -> Any: ...
        async def get_native_response(self, *_: Any, **__: Any) -> Any: ...
        async def raise_from_native_response(self, _: Any) -> None: ...
        async def from_native_response(self, _: Any) -> Any: ...
        async def close(self) -> None: ...

    return Client
