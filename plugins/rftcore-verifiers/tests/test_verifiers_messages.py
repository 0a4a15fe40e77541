"""What is read of messages, and what an action becomes; and what is said without the library.

`make test-bridges` plays the library itself.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from rftcore import PluginError, registry
from rftcore.errors import ConfigError, EpisodeError
from rftcore_verifiers.messages import Call, added, call_in, grammar, shown, without_system

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "2 + 2?"}
ANSWER = SimpleNamespace(role="assistant", content="4")
NEXT = SimpleNamespace(role="user", content=[{"type": "text", "text": "And"}, {"type": "text", "text": "3 + 3?"}])


def test_a_message_is_its_text_and_an_answer_among_several_is_marked() -> None:
    assert shown([USER]) == "2 + 2?"
    assert shown([USER, ANSWER, NEXT]) == "2 + 2?\nassistant: 4\nAnd\n3 + 3?"
    assert shown([SimpleNamespace(role="tool", content=None)]) == ""


def test_an_image_is_refused() -> None:
    with pytest.raises(EpisodeError, match="a part of type 'image_url', expected text alone"):
        shown([{"role": "user", "content": [{"type": "image_url"}]}])


def test_only_the_system_prompt_that_all_share_is_left_out() -> None:
    assert without_system([SYSTEM, USER], "Be brief.") == [USER]
    assert without_system([SYSTEM, USER], "Be long.") == [SYSTEM, USER]
    assert without_system([], "") == []


def test_an_observation_is_what_came_after_the_answer() -> None:
    assert added([SYSTEM, USER], [SYSTEM, USER, ANSWER, NEXT]) == [NEXT]


def test_a_conversation_that_is_written_anew_is_read_as_a_whole() -> None:
    summary = {"role": "user", "content": "So far: 4. And 3 + 3?"}
    assert added([SYSTEM, USER], [SYSTEM, summary]) == [SYSTEM, summary]
    assert added([SYSTEM, USER], [SYSTEM, summary, ANSWER, NEXT]) == [SYSTEM, summary, ANSWER, NEXT]


def test_a_call_is_one_json_object_with_a_name_and_arguments() -> None:
    assert call_in('{"name": "gcd", "arguments": {"a": 12, "b": 18}}') == Call("gcd", '{"a": 12, "b": 18}')
    for other in ("6", '{"name": "gcd"}', '{"name": "gcd", "arguments": "a"}', '[{"name": "gcd"}]', "[" * 100_000):
        assert call_in(other) is None


def test_tools_are_told_with_the_form_of_a_call() -> None:
    tool = SimpleNamespace(name="gcd", description="Greatest common divisor.", parameters={"type": "object"})
    form, told = grammar([tool]).split("\n")
    assert '{"name": NAME, "arguments": {...}}' in form
    assert json.loads(told) == {"name": "gcd", "description": tool.description, "parameters": tool.parameters}
    assert grammar([]) == ""


def test_without_the_library_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verifiers", None)
    with pytest.raises((ConfigError, PluginError), match=r"to be installed; run: pip install 'verifiers<0.4'"):
        registry.create("environment", "verifiers", {"id": "wordle"})


def test_a_version_without_turns_is_refused_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verifiers", SimpleNamespace(__version__="0.4.0"))
    with pytest.raises((ConfigError, PluginError), match=r"verifiers 0.4.0 has no MultiTurnEnv"):
        registry.create("environment", "verifiers", {"id": "wordle"})
