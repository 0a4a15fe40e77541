"""Builds HTML and SVG so that escaping cannot be forgotten.

Plain strings are untrusted (an agent wrote some of them) and are escaped wherever they are put; only what `tag` and
`join` made passes through as it is. There is no way to insert raw text other than naming it `Markup`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

VOID = frozenset({"meta", "br", "hr"})


class Markup(str):
    """HTML that is safe to insert as it is. Adding a plain string to it gives a plain string again."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """Return `text` as markup; what is markup already stays."""
    return text if isinstance(text, Markup) else Markup(html.escape(text, quote=True))


def join(parts: Iterable[str | None], separator: str = "") -> Markup:
    """Return the parts one after another, each escaped unless it is markup; None is left out."""
    return Markup(escaped(separator).join(escaped(part) for part in parts if part is not None))


def tag(name: str, /, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """Return one element.

    A trailing underscore of an attribute's name is dropped and others become hyphens: `class_="a"`, `aria_label="b"`.
    False and None leave the attribute out, True writes it without a value.

    Example: `tag("b", "1 < 2", title=None)` gives `<b>1 &lt; 2</b>`.
    """
    words = [name]
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(key)
        elif value is not None and value is not False:
            text = f"{value:.6g}" if isinstance(value, float) else str(value)
            words.append(f'{key}="{html.escape(text, quote=True)}"')
    opening = f"<{' '.join(words)}>"
    return Markup(opening) if name in VOID else Markup(f"{opening}{join(children)}</{name}>")


def script_json(value: Any) -> Markup:
    """Return `value` as JSON that can stand inside a script element: no text in it can close that element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
