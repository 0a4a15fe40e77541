"""The policy `openai`: a model that is asked over HTTP, evaluated as any other, and never trained.

It adds nothing to the conversation that core gives it, and takes nothing of the answer away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from rftcore.errors import RunError
from rftcore.policy import ChatPolicy, Message, Prompt, Spending
from rftcore.schemas.frozen import Frozen, digest
from rftcore_openai.answers import Answers, Paid
from rftcore_openai.budget import Budget, Limits, Prices
from rftcore_openai.endpoint import Endpoint, api_key
from rftcore_openai.reading import Answer

OWN = frozenset(
    {"model", "messages", "temperature", "max_tokens", "max_completion_tokens", "stream", "n", "tools", "functions"}
)
"""Keys of a request that other options decide, or that would change what an answer is."""

_PER_MESSAGE = 16
"""Tokens that a chat template may add to a message, generously, and that may be counted of the end of an answer."""

_LONG = 16
"""Bytes that a token has in the longest text that can still be taken for one of `max_new_tokens`, generously."""


class OpenAI(ChatPolicy):
    """Asks a chat endpoint; keeps every answer that was paid for, and stops at a budget."""

    class Config(Frozen):
        """Options of the policy."""

        model: str = Field(examples=["gpt-4.1-mini"])
        """As the endpoint calls it."""
        base_url: str = "https://api.openai.com/v1"
        """Of the endpoint, up to what comes before `/chat/completions`."""
        key_variable: str | None = "OPENAI_API_KEY"
        """Environment variable that holds the key; None for an endpoint without one."""
        temperature: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)
        """None leaves it to the endpoint; reasoning models refuse any."""
        max_new_tokens: int = Field(default=1024, ge=1)
        """Longest answer of one turn, hidden reasoning included."""
        token_limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
        """The request's key for it; older servers know only `max_tokens`."""
        body: dict[str, JsonValue] = Field(default_factory=dict)
        """Further keys of the request, such as `reasoning_effort`."""
        concurrency: int = Field(default=16, ge=1)
        """Episodes, and so requests, at once."""
        timeout: float = Field(default=120.0, gt=0, allow_inf_nan=False)
        """Seconds of one try."""
        retries: int = Field(default=6, ge=0)
        """Further tries after a failure that may pass."""
        prices: Prices | None = None
        """What tokens cost; None: money is not counted."""
        budget: Limits = Limits()
        """What the run may spend."""

        @field_validator("base_url")
        @classmethod
        def _plain(cls, value: str) -> str:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
                raise ValueError("http://HOST/PATH or https://HOST/PATH, without user, password or query")
            return value.rstrip("/")

        @field_validator("body")
        @classmethod
        def _further(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
            if OWN & value.keys():
                raise ValueError(f"other keys than {', '.join(sorted(OWN))}")
            return value

        @model_validator(mode="after")
        def _priced(self) -> Self:
            if self.budget.money is not None and self.prices is None:
                raise ValueError("prices, where the budget has money")
            return self

    name: ClassVar[str] = "openai"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self._url = f"{self.config.base_url}/chat/completions"
        self._answers: Answers | None = None
        self._counted: dict[str, Paid] = {}
        self._endpoint = Endpoint(
            self._url,
            self.config.key_variable,
            timeout=self.config.timeout,
            retries=self.config.retries,
            concurrency=self.config.concurrency,
        )

    @property
    def lanes(self) -> int:
        return int(self.config.concurrency)

    @property
    def spending(self) -> Spending:
        """Return what all replies so far cost; one that was asked for again counts once."""
        tokens = (
            sum(paid.prompt_tokens for paid in self._counted.values()),
            sum(paid.completion_tokens for paid in self._counted.values()),
        )
        return Spending(len(self._counted), *tokens, money=self.price(*tokens))

    @property
    def longest(self) -> int:
        return int(self.config.max_new_tokens)

    def price(self, prompt_tokens: float, completion_tokens: float) -> float | None:
        prices: Prices | None = self.config.prices
        return None if prices is None else prices.of((prompt_tokens, completion_tokens))

    def check(self) -> None:
        """Raise ConfigError when there is no key."""
        api_key(self.config.key_variable)

    def open(self, place: Path) -> None:
        """Find or begin the answers in `place`."""
        self._answers = Answers(place / "answers.sqlite")
        self._budget = Budget(self.config.budget, self.config.prices, self._answers.tokens)

    async def reply(self, prompt: Prompt) -> str:
        """Return the answer that was paid for before, or ask for one."""
        assert self._answers is not None
        body = self._request(prompt.messages)
        whole = {"url": self._url, "body": body, "task": prompt.task, "sample": prompt.sample, "turn": prompt.turn}
        request = digest(whole)
        paid = self._answers.get(request)
        if paid is None:
            most = (_bound(prompt.messages), self.config.max_new_tokens)
            async with self._budget.reserved(most) as cost:
                paid = _counted(await self._endpoint.ask(body), most)
                await asyncio.to_thread(self._answers.put, request, paid)  # a disk takes its time
                cost((paid.prompt_tokens, paid.completion_tokens))
            self._bounded(paid.completion_tokens)
        self._counted[request] = paid
        return paid.text

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.close()

    def _bounded(self, tokens: int) -> None:
        """Raise RunError where an answer of so many tokens shows that a budget cannot be kept."""
        config = self.config
        if self._budget.limited and tokens > config.max_new_tokens + _PER_MESSAGE:
            other = "max_tokens" if config.token_limit == "max_completion_tokens" else "max_completion_tokens"
            raise RunError(
                f"{self._url}: found an answer that counts {tokens:,} tokens, expected at most max_new_tokens="
                f"{config.max_new_tokens}, so no budget can be kept there: the endpoint seems not to know "
                f"{config.token_limit}; set policy.token_limit={other} in a run of another name (its answers are "
                "asked for anew), or take the budget away, and the kept ones are used"
            )

    def _request(self, messages: Sequence[Message]) -> dict[str, Any]:
        config = self.config
        temperature = {} if config.temperature is None else {"temperature": config.temperature}
        limit = {config.token_limit: config.max_new_tokens}
        return {"model": config.model, "messages": list(messages), **limit, **temperature, **config.body}


def _bound(messages: Sequence[Message]) -> int:
    """Return more tokens than these messages can have: no token of a byte-level vocabulary is less than a byte."""
    return sum(len(message["content"].encode()) + _PER_MESSAGE for message in messages)


def _counted(answer: Answer, most: tuple[int, int]) -> Paid:
    """Return the answer with its tokens, as told by the endpoint, or else as many as there can be.

    A text that so few tokens cannot make shows that nobody limited them: then its bytes count.
    """
    prompt = most[0] if answer.prompt_tokens is None else answer.prompt_tokens
    completion = answer.completion_tokens
    if completion is None:
        size = len(answer.text.encode())
        completion = size if size > _LONG * most[1] else min(size, most[1])
    return Paid(answer.text, answer.finish, prompt, completion)
