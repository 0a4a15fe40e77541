"""Between the messages of verifiers and text: what an agent reads of them, and what its action becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rftcore.errors import EpisodeError


def field(message: Any, name: str) -> Any:
    """Return a field of a message, which is an object in the library and a dictionary in its datasets."""
    return message.get(name) if isinstance(message, Mapping) else getattr(message, name, None)


def text_of(content: Any) -> str:
    """Return the text of a message's content. Raises EpisodeError for an image or a sound."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = []
    for part in content:
        if field(part, "type") != "text":
            raise EpisodeError(
                f"a message has a part of type {field(part, 'type')!r}, expected text alone; play another environment"
            )
        parts.append(str(field(part, "text")))
    return "\n".join(parts)


def shown(messages: Sequence[Any]) -> str:
    """Return what an agent reads: the text of one message; of several, each after its role when it is the agent's."""
    lines = []
    for message in messages:
        text = text_of(field(message, "content"))
        lines.append(f"assistant: {text}" if field(message, "role") == "assistant" else text)
    return "\n".join(lines)


def without_system(messages: Sequence[Any], system: str) -> Sequence[Any]:
    """Return `messages` without the system prompt that all tasks share."""
    opens = bool(messages) and field(messages[0], "role") == "system" and field(messages[0], "content") == system
    return messages[1:] if opens else messages


def added(before: Sequence[Any], now: Sequence[Any]) -> Sequence[Any]:
    """Return the messages after those of `before` and one answer; all, where the conversation was written anew."""
    kept = len(before)
    goes_on = len(now) > kept + 1 and field(now[kept], "role") == "assistant"
    same = goes_on and all(_same(old, new) for old, new in zip(before, now, strict=False))
    return now[kept + 1 :] if same else now


def _same(one: Any, other: Any) -> bool:
    return all(field(one, name) == field(other, name) for name in ("role", "content"))


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool: its name, and its arguments in JSON."""

    name: str
    arguments: str


def call_in(action: str) -> Call | None:
    """Return the call that an action is: one JSON object with `name` and `arguments`; None for any other text."""
    try:
        value = json.loads(action)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or set(value) != {"name", "arguments"}:
        return None
    if not isinstance(value["name"], str) or not isinstance(value["arguments"], dict):
        return None
    return Call(value["name"], json.dumps(value["arguments"]))


def grammar(tools: Sequence[Any]) -> str:
    """Return how tools are called, and what there are; nothing where there are none."""
    if not tools:
        return ""
    told = "\n".join(
        json.dumps({name: field(tool, name) for name in ("name", "description", "parameters")}, ensure_ascii=False)
        for tool in tools
    )
    return (
        'A tool is called by an action that is one JSON object, {"name": NAME, "arguments": {...}}, and nothing else; '
        f"any other action is your answer. Tools:\n{told}"
    )
