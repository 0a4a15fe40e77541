"""Actions survive the way into another syntax and back, and nothing else is understood there."""

from __future__ import annotations

import pytest

from rftcore.errors import ConfigError, EpisodeError
from rftcore_shift.syntax import Kind, Syntax, opaque, other_words, requoted

HOUSE = (
    "look",
    "look at {thing}",
    "take {thing} from {place}",
    "search[{words}]",
    "<answer>{answer}</answer>",
    "{number}",
)
ACTIONS = (
    "look",
    "look at stove",
    "take letter from home from sink 1",
    'search[red "quoted" shoe]',
    "<answer>Zoë {}</answer>",
    "12",
)
WORDS = {"look": "bomap", "look at": "subuv", "take": "bumeb", "search": "kotav", "answer": "turum"}
KINDS: tuple[Kind, ...] = ("plain", "json", "tool")


@pytest.mark.parametrize("words", [{}, WORDS], ids=["own verbs", "renamed"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_action_comes_back_as_it_was(kind: Kind, words: dict[str, str]) -> None:
    syntax = Syntax(HOUSE, kind, words)
    assert [syntax.read(syntax.write(action)) for action in ACTIONS] == list(ACTIONS)


def test_the_forms_are_these() -> None:
    action = "take cup 1 from sink 1"
    assert Syntax(HOUSE, "plain", WORDS).write(action) == "bumeb cup 1 from sink 1"
    assert Syntax(HOUSE, "json", {}).write(action) == '{"action": "take", "thing": "cup 1", "place": "sink 1"}'
    assert Syntax(HOUSE, "tool", {}).write("look at stove") == (
        '<tool_call>{"name": "look_at", "arguments": {"thing": "stove"}}</tool_call>'
    )
    assert Syntax(HOUSE, "plain", WORDS).write("<answer>7</answer>") == "<turum>7</turum>"


@pytest.mark.parametrize(
    "text",
    [
        "look",
        "bomap",
        '{"action": "look"',
        '{"action": "look", "thing": "stove", "place": "sink 1"}',
        '{"action": "look at"}',
        '{"action": "look at", "thing": ""}',
        '{"action": "look at", "thing": null}',
        '{"action": "look at", "thing": true}',
        '{"action": "number", "number": "look"}',
        '{"action": ["look"]}',
        '[{"action": "look"}]',
        "[" * 100_000,
        '{"action": "number", "number": ' + "9" * 10_000 + "}",
        "",
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_json_action_is_not_read(text: str) -> None:
    assert Syntax(HOUSE, "json", {}).read(text) is None


def test_a_tool_call_needs_its_tags_and_nothing_more() -> None:
    syntax = Syntax(HOUSE, "tool", {})
    assert syntax.read(' <tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>') == "look"
    assert syntax.read('{"name": "look", "arguments": {}}') is None
    assert syntax.read('<tool_call>{"name": "look", "arguments": []}</tool_call>') is None
    assert syntax.read('<tool_call>{"name": "look", "arguments": {}, "id": 1}</tool_call>') is None


def test_own_verbs_are_not_read_where_they_are_renamed() -> None:
    syntax = Syntax(HOUSE, "plain", WORDS)
    assert [syntax.read(action) for action in ACTIONS[:-1]] == [None] * 5


def test_an_action_that_no_template_covers_is_an_error_of_the_environment() -> None:
    with pytest.raises(EpisodeError, match="'dance' has none of the forms in action_templates"):
        Syntax(HOUSE, "json", {}).write("dance")


def test_two_templates_that_look_alike_as_json_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be written as JSON"):
        Syntax(("put {thing} in {place}", "put {thing} on {place}"), "json", {})


def test_the_words_are_a_function_of_the_key_and_avoid_what_is_taken() -> None:
    words = other_words(HOUSE, (), "verbs/0/house")
    assert words == other_words(HOUSE, (), "verbs/0/house")
    assert sorted(words) == ["answer", "look", "look at", "search", "take"]
    assert len(set(words.values())) == 5
    assert words != other_words(HOUSE, (), "verbs/1/house")
    assert not set(other_words(HOUSE, tuple(words.values()), "verbs/0/house").values()) & set(words.values())


def test_actions_in_an_observation_are_written_in_the_syntax() -> None:
    syntax = Syntax(HOUSE, "plain", WORDS)
    assert syntax.told("take cup 1 from sink 1") == "bumeb cup 1 from sink 1"
    assert (
        syntax.told("Write <answer>words</answer> or search[words].") == "Write <turum>words</turum> or kotav[words]."
    )
    assert syntax.told("You take cup 1 from sink 1.") == "You take cup 1 from sink 1."
    assert syntax.told("12") == "12"


def test_an_answer_quotes_what_was_said_whole_or_cut() -> None:
    said = "take the old letter from the drawer"
    sent = opaque(said)
    assert sent == "xxxx xxx xxx xxxxxx xxxx xxx xxxxxx"
    assert requoted(f"Cannot {sent} here", sent, said) == f"Cannot {said} here"
    assert requoted(f"Cannot {sent[:19]}", sent, said) == f"Cannot {said[:19]}"
    assert requoted("Next box", "x", "3") == "Next box"
    assert requoted("Nothing happens.", sent, said) == "Nothing happens."
