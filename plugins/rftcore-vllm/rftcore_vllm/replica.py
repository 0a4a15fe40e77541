"""One `vllm serve`, spoken to over HTTP; every way in which it can fail has one of four meanings.

Gone            it cannot be reached, broke off, failed, or said what cannot be used: another replica may be asked
TimeoutError    it did not answer in time: the same
SamplerFailure  it answered well, and the answer cannot be used
RunError        it refused what was asked, and would refuse it again
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from rftcore.errors import ConfigError, RunError
from rftcore.sampler import SamplerFailure
from rftcore_vllm.key import API_KEY, authorization, hidden
from rftcore_vllm.protocol import COMPLETIONS, GENERATE, Answer, Question, body, read

POLL = 0.5
"""Seconds between two questions whether a server is ready."""

GUARDED = ("/v1", "/v2", "/inference", "/cohere")
"""How the routes begin that ask for the key. All others answer without one, those for control too."""

CLOSED = "; start the server with VLLM_SERVER_DEV_MODE=1, which opens the routes by which new weights come"
"""What is to be done where a route for control is not found."""

UNMARKED = "default"
"""What a server calls its weights until it is told otherwise."""


class NotFound(RunError):
    """A replica has no such route, or no model of that name."""


class Gone(SamplerFailure):
    """A replica is not there."""


class Asleep(Gone):
    """A replica is there, takes questions, and answers none until it is woken up."""


class Failed(Gone):
    """A replica is there and reports an error of its own."""


class Nonsense(Failed):
    """A replica is there and answered a question with what is no whole answer to it."""


class Replica:
    """A server by its URL. Used from one event loop, that of `session`."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url.rstrip("/")
        self.model = ""
        """What requests call the model: the server's own name for it, or that of an adapter."""
        self.max_context = 0
        self.route = GENERATE
        self.base: Path | None = None
        """The model under an adapter that was loaded into it."""
        self.adapted = False
        """Whether `model` is that adapter."""
        self.tags: set[str] = set()
        """The weights that answers are expected from; empty until some were loaded."""
        self.tag = ""
        """Those of them that are in effect."""
        self.trouble = ""
        """Why it was not well when it was asked last."""
        self.paused = False
        """Whether this run has paused it."""
        self.deaths = 0
        """How often it ended since it last answered an episode; known of servers that this process starts."""
        self._session = session

    async def ask(self, question: Question, *, timeout: float, conversation: int | None = None) -> Answer:
        """Return the answer. The conversation's number lets a router in front of several servers keep to one.

        Where the route does not tell which weights made the tokens, the server is asked afterwards which it has: they
        made all of them if it had them before, too, and else the answer is lost.
        """
        session = {} if conversation is None else {"X-Session-ID": str(conversation)}
        before = self.tag
        asked = body(self.route, self.model, question)
        try:
            found = await self.call("POST", self.route, asked, timeout=timeout, headers=session)
        except NotFound as error:
            if not self.adapted:
                raise
            raise Gone(f"{self.url} was started anew and has not the adapters of this run: {error}") from error
        try:
            answer = read(self.route, found, question)
        except SamplerFailure as error:
            raise Nonsense(hidden(f"{self.url}{self.route}: {error}")) from None
        if answer.tags:
            self._expect(answer.tags)
            return answer
        after = await self.present(timeout=timeout)
        if after != before:
            raise SamplerFailure(
                "new weights came while this server sampled, and it does not tell which made which token"
            )
        return replace(answer, tags=[after] * len(answer.token_ids))

    async def present(self, *, timeout: float) -> str:
        """Return which weights of this run the server has.

        Raises Gone when it was started anew and has none, RunError when it has those of another run.
        """
        tag = str(await self.value("GET", "/weight_info", "weight_version", timeout=timeout))
        self._expect([tag])
        return tag

    def _expect(self, tags: Iterable[str]) -> None:
        strange = set(tags) - self.tags
        if strange == {UNMARKED}:
            raise Gone(f"{self.url} was started anew and has not the weights of this run")
        if strange:
            raise RunError(
                f"{self.url} samples with the weights {', '.join(sorted(strange))}, which this run did not load: "
                "another program uses this replica too. Give every run replicas of its own"
            )

    async def call(
        self,
        method: str,
        path: str,
        content: Any = None,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        text: bool = False,
    ) -> Any:
        """Return the JSON of an answer, None for an empty one, or its `text`; raises as the top of this file says."""
        try:
            async with self._session.request(
                method,
                self.url + path,
                json=content,
                params=query,
                headers={**authorization(), **(headers or {})},
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                said = await response.text()
        except TimeoutError as error:
            raise TimeoutError(f"{self.url}{path} did not answer within {timeout:g} s") from error
        except (aiohttp.ClientError, OSError, UnicodeDecodeError) as error:
            raise Gone(hidden(f"{self.url} is not there: {type(error).__name__}: {error}")) from None
        if response.status >= 500:
            raise Failed(f"{self.url}{path} failed with status {response.status}: {hidden(said)[:500]}")
        if response.status in (401, 403):
            raise ConfigError(f"{self.url} refused the key; expected the server's --api-key in the variable {API_KEY}")
        if response.status == 404:
            advice = "" if path.startswith(GUARDED) else CLOSED
            raise NotFound(f"{self.url}{path} refused what was asked (status 404): {hidden(said)[:500]}{advice}")
        if response.status >= 400:
            raise RunError(f"{self.url}{path} refused what was asked (status {response.status}): {hidden(said)[:500]}")
        if text:
            return said
        try:
            return json.loads(said) if said else None
        except ValueError:
            raise Failed(f"{self.url}{path} answered with something that is no JSON: {hidden(said)[:100]!r}") from None

    async def value(
        self, method: str, path: str, name: str, *, timeout: float, query: Mapping[str, str] | None = None
    ) -> Any:
        """Return what an answer tells under `name`. Raises Nonsense when it does not, else as `call`."""
        told = await self.call(method, path, timeout=timeout, query=query)
        try:
            return told[name]
        except (LookupError, TypeError) as error:
            raise Nonsense(f"{self.url}{path} does not tell its {name}: {hidden(str(told))[:100]}") from error

    async def connect(self, *, timeout: float) -> None:
        """Wait until the server is ready, and learn what it serves.

        Raises ConfigError when nothing usable is there in time.
        """
        try:
            async with asyncio.timeout(timeout):
                while not await self._met(timeout):
                    await asyncio.sleep(POLL)
        except TimeoutError as error:
            raise ConfigError(
                f"found no server at {self.url} within {timeout:g} s, expected a `vllm serve` that is ready; start "
                "it, or raise sampler.start_timeout"
            ) from error

    async def healthy(self, *, timeout: float) -> bool:
        """Whether the server says that it is well. Raises ConfigError where no `vllm serve` can be."""
        try:
            await self.call("GET", "/health", timeout=timeout)
        except NotFound as error:
            raise ConfigError(
                f"found {self.url}/health to be no page of the server there (status 404), expected a `vllm serve`; a "
                "URL in sampler.urls is its base, such as http://node1:8000, without /v1"
            ) from error
        except (SamplerFailure, TimeoutError, RunError) as error:
            self.trouble = str(error)
            return False
        return True

    async def require_awake(self, *, timeout: float) -> None:
        """Raise Asleep when the server sleeps, or when somebody else than this run has paused it: it does not tell."""
        if await self.value("GET", "/is_sleeping", "is_sleeping", timeout=timeout) and not self.paused:
            raise Asleep(
                f"{self.url} is asleep or paused, and would never answer; wake it up: POST /wake_up. A run that was "
                "killed while it gave weights leaves all its servers so: do it on each, then resume"
            )

    async def _met(self, timeout: float) -> bool:
        """Learn what the server serves; return whether it was ready, and was there to the end."""
        if not await self.healthy(timeout=5.0):
            return False
        try:
            (first, *_) = await self.value("GET", "/v1/models", "data", timeout=timeout)
            self.model, self.max_context = first["id"], int(first.get("max_model_len") or 0)
            try:
                await self.call("POST", GENERATE, {}, timeout=timeout)
            except NotFound:
                self.route = COMPLETIONS
            except RunError:  # where the route is, an empty request is invalid
                self.route = GENERATE
            await self.require_awake(timeout=timeout)
        except (Asleep, Failed, NotFound) as error:
            raise ConfigError(str(error)) from error
        except Gone:  # it died meanwhile, and may be started again
            return False
        return True
