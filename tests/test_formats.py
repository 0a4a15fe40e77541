"""Prompt formats: what is an action, what is none, and that demonstrations are read back."""

from __future__ import annotations

import pytest

from rftcore.errors import ConfigError
from rftcore.formats import FORMATS, prompt_format


@pytest.mark.parametrize(
    ("form", "text", "action"),
    [
        ("plain", " get wood\n", "get wood"),
        ("plain", " \n", None),
        ("react", "Thought: a door. Action: open it", "open it"),
        ("react", "Action: one\nThought: no\nAction: two", "two"),
        ("react", "open it", None),
        ("react", "Action: ", None),
        ("react_rsplit", "Thought: Action: no\n\nAction:\nclick[buy now]</s>", "click[buy now]"),
        ("react_rsplit", "Action: one\nAction: two\nlines ", "two\nlines"),
        ("react_rsplit", " click[b0001] ", "click[b0001]"),
        ("react_rsplit", "I search[red shoes]", "I search[red shoes]"),
        ("react_rsplit", "go to desk 1", ""),
        ("react_rsplit", "click me</s>", ""),
        ("react_rsplit", "Action: ", ""),
        ("react_regex_single", "Thought:\nwood\n\nAction:\n get 1 oak_logs.\nMore", "get 1 oaklogs"),
        ("react_regex_single", "Action: craft  4 planks,\t[using] 1 log", "craft 4 planks,using 1 log"),
        ("react_regex_single", "Action: go\nAction: stop", None),
        ("react_regex_single", "Action: say Action: stop", "say Action stop"),
        ("react_regex_single", "go", ""),
        ("react_regex_single", "Action:", ""),
        ("tagged", "<think>hm</think><action> go </action>", "go"),
        ("tagged", "<action>one</action><action>two</action> bye", "two"),
        ("tagged", "<action>cut <action>whole</action>", "whole"),
        ("tagged", "<action>two\nlines</action>", "two\nlines"),
        ("tagged", "<action>cut", None),
        ("tagged", "<action></action>", None),
    ],
)
def test_the_action_in_an_answer(form: str, text: str, action: str | None) -> None:
    assert prompt_format(form).parse(text) == action


@pytest.mark.parametrize("form", sorted(FORMATS))
@pytest.mark.parametrize("thought", ["", "the door is locked"])
def test_what_a_demonstration_writes_is_read_back(form: str, thought: str) -> None:
    assert prompt_format(form).parse(prompt_format(form).write("craft 2 sticks", thought)) == "craft 2 sticks"


def test_the_rules_follow_the_instructions() -> None:
    assert prompt_format("plain").system("Craft things.") == "Craft things."
    assert prompt_format("tagged").system("Craft things.").startswith("Craft things.\nReason inside")
    assert not prompt_format("react").system("").startswith("\n")


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="found 'json', expected one of plain, react, react_rsplit, react"):
        prompt_format("json")
