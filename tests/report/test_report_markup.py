"""Nothing untrusted reaches the page as markup."""

from __future__ import annotations

import json

from rftcore.report.markup import Markup, escaped, join, script_json, tag


def test_plain_text_is_escaped_and_markup_stays() -> None:
    assert tag("p", "a < b & 'c'", tag("b", "d")) == "<p>a &lt; b &amp; &#x27;c&#x27;<b>d</b></p>"


def test_attributes_are_escaped_renamed_and_left_out_when_false() -> None:
    element = tag("button", class_="x", aria_label='say "hi"', hidden=True, disabled=False, title=None)
    assert element == '<button class="x" aria-label="say &quot;hi&quot;" hidden></button>'


def test_markup_added_to_a_plain_string_is_no_longer_trusted() -> None:
    assert escaped(tag("b", "x") + "<script>") == "&lt;b&gt;x&lt;/b&gt;&lt;script&gt;"


def test_joining_escapes_parts_and_drops_none() -> None:
    assert join(["<", None, Markup("<br>")], " | ") == "&lt; | <br>"


def test_json_cannot_close_its_script_element_and_reads_back_the_same() -> None:
    value = {"text": "</script><!-- \u2028 &amp;", "n": [1, None, 0.5]}
    text = script_json(value)
    assert not {"<", ">", "&", "\u2028"} & set(text)
    assert json.loads(text) == value
