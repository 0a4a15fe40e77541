"""A page in words: one line with separators (`text`), or lines with marked buttons (`text_rich`)."""

from __future__ import annotations

from collections.abc import Callable

from rftcore_webshop.pages import Page, Part

SEPARATOR = " [SEP] "


def text(page: Page) -> str:
    """Return everything on the page in one line; buttons look like any other text."""
    return SEPARATOR.join([part.text.strip() for part in page.parts])


def text_rich(page: Page, clicked: Callable[[Part], bool]) -> str:
    """Return everything on the page, a line each, buttons marked; `clicked` says which were clicked before.

    Above the page it tells which values are chosen, the last on the page first.
    """
    told, lines = "", []
    for part in page.parts:
        if part.kind == "text":
            lines.append(part.text)
            continue
        before = {"button": "", "option": "  ", "product": "\n"}[part.kind]
        if part.kind != "button" and clicked(part):
            lines.append(f"{before}[clicked button] {part.text} [clicked button_]")
            if part.kind == "option":
                told = f"You have clicked {part.text}.\n{told}"
        else:
            lines.append(f"{before}[button] {part.text} [button_]")
    return told + "".join(f"{line}\n" for line in lines)
