"""Templates of actions: what they read, what they write, and which one an action has."""

from __future__ import annotations

import pytest

from rftcore.action_template import ActionTemplate, ambiguous, most_specific, parse

TAKE = ActionTemplate("take {thing} from {place}")
HOUSE = most_specific(map(ActionTemplate, ("look", "look at {thing}", "take {thing} from {place}", "{number}")))


def test_arguments_are_what_stands_at_the_places() -> None:
    assert TAKE.names == ("thing", "place")
    assert TAKE.read("take cup 1 from sink 1") == ("cup 1", "sink 1")
    assert TAKE.read("  Take cup 1 FROM sink 1\n") == ("cup 1", "sink 1")
    assert TAKE.read("take cup 1") is None
    assert TAKE.read("take  from sink 1") is None


def test_what_is_read_is_written_again_also_where_an_argument_has_the_words_between() -> None:
    for action in ("take cup 1 from sink 1", "take letter from home from sink 1"):
        arguments = TAKE.read(action)
        assert arguments is not None
        assert TAKE.write(arguments) == action


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("toggle and go through {door}", "toggle and go through"),
        ("search[{words}]", "search"),
        ("<answer>{answer}</answer>", "answer"),
        ("wait1", "wait1"),
        ("{number}", "number"),
    ],
)
def test_the_verb_is_the_words_before_the_first_argument(text: str, verb: str) -> None:
    assert ActionTemplate(text).verb == verb


def test_an_action_has_the_form_with_the_most_words_of_its_own() -> None:
    assert parse("look at stove", HOUSE) == (ActionTemplate("look at {thing}"), ("stove",))
    assert parse("look", HOUSE) == (ActionTemplate("look"), ())
    assert parse("12", HOUSE) == (ActionTemplate("{number}"), ("12",))
    assert parse("twelve", HOUSE) is None


def test_signs_around_an_action_make_it_known_inside_a_text() -> None:
    enclosed = [
        text for text in ("search[{words}]", "<a>{b}</a>", "go to {place}", "look") if ActionTemplate(text).enclosed
    ]
    assert enclosed == ["search[{words}]", "<a>{b}</a>"]
    search = ActionTemplate("search[{words}]")
    assert search.replaced("Try search[red] or search[blue].", lambda found: found[0]) == "Try red or blue."


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("take {thing}", "take {thing} from {place}", "look"), None),
        (("look", "guess {colour} {colour}"), "guess {colour} {colour}"),
        (("do {action}",), "do {action}"),
        (("go to {place}", "go to the {place}"), None),
        (("put {thing} in {place}", "put {place} on {thing}"), "put {place} on {thing}"),
    ],
)
def test_templates_are_told_apart_by_verb_and_named_arguments(texts: tuple[str, ...], found: str | None) -> None:
    template = ambiguous([ActionTemplate(text) for text in texts])
    assert (template.text if template else None) == found
