"""How an action is written: as text, as JSON, or as a tool call.

A form knows templates and no environment. It writes a template with its arguments, and reads them back.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from rftcore.action_template import ActionTemplate, ambiguous, most_specific, parse
from rftcore.errors import ConfigError


class Form(ABC):
    """Writes and reads the actions of some templates, which are named by their place in the list."""

    @abstractmethod
    def write(self, place: int, arguments: Sequence[str]) -> str:
        """Return the action of the template at `place` with its arguments."""

    @abstractmethod
    def read(self, text: str) -> tuple[int, tuple[str, ...]] | None:
        """Return the place of the template and the arguments; None for text in another form. `write` inverts it."""


class Plain(Form):
    """As text, in the form of templates of its own."""

    def __init__(self, templates: Sequence[ActionTemplate]) -> None:
        self._templates = tuple(templates)
        self._ordered = most_specific(templates)
        self._place = {template: place for place, template in enumerate(templates)}

    def write(self, place: int, arguments: Sequence[str]) -> str:
        return self._templates[place].write(arguments)

    def read(self, text: str) -> tuple[int, tuple[str, ...]] | None:
        found = parse(text, self._ordered)
        return None if found is None else (self._place[found[0]], found[1])


class JSON(Form):
    """As one JSON object: `{"action": "take", "thing": "cup 1", "place": "sink 1"}`.

    Keys that are missing or more than expected, and values that are no text and no whole number, are another form.
    """

    def __init__(self, templates: Sequence[ActionTemplate]) -> None:
        """Raise ConfigError when two templates look alike as JSON."""
        if (template := ambiguous(templates)) is not None:
            raise ConfigError(
                f"the action template {template.text!r} cannot be written as JSON, expected arguments with names of "
                "their own, none of them `action`, and no other template with the same verb and names"
            )
        self._signatures = [(self.name(template), template.names) for template in templates]
        self._places = {(name, frozenset(names)): place for place, (name, names) in enumerate(self._signatures)}

    def name(self, template: ActionTemplate) -> str:
        """Return what the action is called."""
        return template.verb

    def write(self, place: int, arguments: Sequence[str]) -> str:
        name, names = self._signatures[place]
        return json.dumps({"action": name, **dict(zip(names, arguments, strict=True))}, ensure_ascii=False)

    def read(self, text: str) -> tuple[int, tuple[str, ...]] | None:
        said = _loaded(text)
        return None if said is None else self._found(said.pop("action", None), said)

    def _found(self, name: object, values: dict[str, Any]) -> tuple[int, tuple[str, ...]] | None:
        if not isinstance(name, str) or any(type(value) not in (str, int) for value in values.values()):
            return None
        place = self._places.get((name, frozenset(values)))
        return None if place is None else (place, tuple(str(values[key]) for key in self._signatures[place][1]))


class ToolCall(JSON):
    """As chat models call tools: `<tool_call>{"name": "go_to", "arguments": {"place": "sink 1"}}</tool_call>`.

    The form of Hermes and Qwen models; whitespace inside the tags does not matter.
    """

    def name(self, template: ActionTemplate) -> str:
        return template.verb.replace(" ", "_")

    def write(self, place: int, arguments: Sequence[str]) -> str:
        name, names = self._signatures[place]
        call = {"name": name, "arguments": dict(zip(names, arguments, strict=True))}
        return f"<tool_call>{json.dumps(call, ensure_ascii=False)}</tool_call>"

    def read(self, text: str) -> tuple[int, tuple[str, ...]] | None:
        inner = text.strip()
        if not (inner.startswith("<tool_call>") and inner.endswith("</tool_call>")):
            return None
        said = _loaded(inner.removeprefix("<tool_call>").removesuffix("</tool_call>"))
        if said is None or said.keys() != {"name", "arguments"} or not isinstance(said["arguments"], dict):
            return None
        return self._found(said["name"], said["arguments"])


def _loaded(text: str) -> dict[str, Any] | None:
    """Return a JSON object, or None for anything else, however deep or long it is."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
