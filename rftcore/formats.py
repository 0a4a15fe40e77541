"""Prompt formats: how an agent is told to answer, and how its answer becomes an action.

One component for all environments, so that the format can be varied while the environment stays the same.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import ClassVar

from rftcore.errors import ConfigError


class PromptFormat(ABC):
    """Turns an environment's instructions into a system prompt, and an answer into an action."""

    name: ClassVar[str]
    rules: ClassVar[str]
    """What the system prompt adds to the environment's instructions."""
    reminder: ClassVar[str]
    """The observation that answers a text without an action; the environment does not see that turn."""

    def system(self, instructions: str) -> str:
        """Return the system prompt for an environment's instructions."""
        return f"{instructions}\n{self.rules}".strip()

    @abstractmethod
    def parse(self, text: str) -> str | None:
        """Return the action in `text`, or None when the answer does not have the form that `rules` ask for."""

    @abstractmethod
    def write(self, action: str, thought: str = "") -> str:
        """Return an answer that carries `action`, as a demonstration would; `parse` inverts it."""


class Plain(PromptFormat):
    """The whole answer is the action."""

    name = "plain"
    rules = ""
    reminder = "Answer with one action."

    def parse(self, text: str) -> str | None:
        return text.strip() or None

    def write(self, action: str, thought: str = "") -> str:
        return action


class ReAct(PromptFormat):
    """`Thought:` then `Action:` (arXiv 2210.03629); the last `Action:` counts."""

    name = "react"
    rules = "Answer with your reasoning after 'Thought:' and then exactly one action after 'Action:'."
    reminder = "No action found. Answer with 'Thought: ...' and then 'Action: ...'."

    def parse(self, text: str) -> str | None:
        _, found, action = text.rpartition("Action:")
        return action.strip() or None if found else None

    def write(self, action: str, thought: str = "") -> str:
        return f"Thought: {thought}\nAction: {action}" if thought else f"Action: {action}"


class ReActSplit(ReAct):
    """ReAct as AgentGym reads it in WebShop, ALFWorld and ScienceWorld: no text is without an action.

    The last `Action:` counts, and `</s>` at the end of the text does not. Without any, a text with `search[` or
    `click[` is the action itself, and every other one is the empty action, which the environment answers.
    """

    name = "react_rsplit"

    def parse(self, text: str) -> str | None:
        text = text.removesuffix("</s>")
        _, found, action = text.rpartition("Action:")
        return action.strip() if found or "search[" in text or "click[" in text else ""


class ReActSingle(ReAct):
    """ReAct as AgentGym reads it in TextCraft and BabyAI: one line with one `Action:`.

    Two such lines get the reminder, none is the empty action. All but ASCII letters, digits, commas and spaces is cut
    out of the action without a word, so `parse` inverts `write` for actions without other characters only.
    """

    name = "react_regex_single"
    reminder = "Error: Only one 'Action' is allowed per response. Please adjust your response."
    _ACTION: ClassVar[re.Pattern[str]] = re.compile(r"Action:\s*([^\n]*)")
    _CUT: ClassVar[re.Pattern[str]] = re.compile(r"[^A-Za-z0-9, ]+")

    def parse(self, text: str) -> str | None:
        found = self._ACTION.findall(text)
        if len(found) > 1:
            return None
        return " ".join(self._CUT.sub("", "".join(found)).split())


class Tagged(PromptFormat):
    """`<think>` and `<action>` tags; the last complete `<action>` counts."""

    name = "tagged"
    rules = "Reason inside <think></think>, then give exactly one action inside <action></action>."
    reminder = "No action found. Answer with <action>...</action>."
    _ACTION: ClassVar[re.Pattern[str]] = re.compile(r"<action>((?:(?!<action>).)*?)</action>", re.DOTALL)

    def parse(self, text: str) -> str | None:
        found = self._ACTION.findall(text)
        return found[-1].strip() or None if found else None

    def write(self, action: str, thought: str = "") -> str:
        start = f"<think>{thought}</think>" if thought else ""
        return f"{start}<action>{action}</action>"


FORMATS: dict[str, type[PromptFormat]] = {form.name: form for form in (Plain, ReAct, ReActSplit, ReActSingle, Tagged)}


def prompt_format(name: str) -> PromptFormat:
    """Return the format called `name`; raises ConfigError when there is none."""
    if name not in FORMATS:
        raise ConfigError(f"format: found {name!r}, expected one of {', '.join(FORMATS)}")
    return FORMATS[name]()
