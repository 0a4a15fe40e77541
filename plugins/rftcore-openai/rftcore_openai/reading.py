"""What an endpoint's response means: an answer, the agent's own end, a reason to try again, or one to stop.

The body decides and not its header: what can be read as an answer is one, whatever content type it claims. Servers that
call themselves compatible put errors in several places; all those that are known are looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RETRIED = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may pass by themselves."""

_FOR_GOOD = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""Codes that come with status 429 and do not pass."""

_FILTERED = frozenset({"content_filter", "content_policy_violation"})
_TOO_LONG = re.compile(r"context[ _](length|window|size)|maximum (context|model) len|too many tokens", re.IGNORECASE)
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said. Token counts are None where the endpoint does not tell them."""

    text: str
    finish: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Unreadable(Exception):
    """The response is not what the endpoint wanted to send; another try may help."""


class Passing(Exception):
    """The endpoint cannot answer now."""


class Final(Exception):
    """No other try can help."""


class TooLong(Exception):
    """The conversation does not fit the model's context."""


def read(status: int, content_type: str, body: bytes) -> Answer:
    """Return the answer in a response.

    Raises Unreadable, Passing, Final or TooLong, with what a person has to know.
    """
    shown = content_type.partition(";")[0].strip() or "no content type"
    text = body.decode("utf-8", errors="replace")
    try:
        value = json.loads(text)
    except ValueError:
        if status < 300:
            raise Unreadable(f"found {len(body):,} bytes of {shown} that are no JSON: {_cut(text)}") from None
        value = None
    error = _error(value)
    if status < 300 and error is None:
        return _answer(value, shown)
    told, code = (_cut(text), "") if error is None else error
    return _refused(status if status >= 300 else _status(code), told, code)


def _refused(status: int, told: str, code: str) -> Answer:
    message = f"status {status}: {told or 'without a reason'}"
    if code in _FILTERED:
        return Answer("", "content_filter", 0, 0)
    if code == "context_length_exceeded" or (status in (400, 413, 422) and _TOO_LONG.search(told)):
        raise TooLong(message)
    if status >= 500 or (status in RETRIED and code not in _FOR_GOOD):
        raise Passing(message)
    raise Final(message)


def _answer(value: Any, shown: str) -> Answer:
    try:
        choice = value["choices"][0]
        message = choice["message"]
        content = message.get("content")
        usage = value.get("usage") or {}
        return Answer(
            text=_storable(_text(content) or message.get("refusal") or ""),
            finish=str(choice.get("finish_reason") or ""),
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
        )
    except (LookupError, TypeError, AttributeError):
        raise Unreadable(f"found JSON ({shown}) without choices[0].message: {_cut(json.dumps(value))}") from None


def _text(content: Any) -> str:
    """Return the text of a message: a string, or the text parts of a list."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part.get("type") == "text")


def _storable(text: str) -> str:
    """Return the text with halves of surrogate pairs, which JSON can name and no file can hold, as question marks."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _error(value: Any) -> tuple[str, str] | None:
    """Return message and code of an error object: OpenAI's, FastAPI's `detail`, or one at the top level."""
    if not isinstance(value, Mapping) or "choices" in value:
        return None
    found = value.get("error") or value.get("detail") or (value if value.get("object") == "error" else None)
    if isinstance(found, Mapping):
        return _cut(str(found.get("message") or found)), str(found.get("code") or found.get("type") or "")
    return None if found is None else (_cut(found if isinstance(found, str) else json.dumps(found)), "")


def _status(code: str) -> int:
    """Return the status that an error in a response with status 200 stands for."""
    return int(code) if code.isdigit() and 400 <= int(code) < 600 else 502


def _cut(text: str) -> str:
    """Return the beginning of a text as one line, without the tags of a page."""
    plain = " ".join(re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", text[:20_000], flags=re.DOTALL).split())
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}..."
