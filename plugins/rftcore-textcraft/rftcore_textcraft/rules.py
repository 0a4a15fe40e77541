"""From the text of an action to a command, under the rules of the profile `fixed`.

The rules are TextCraft's: a craft names exactly the ingredients of one run of a recipe, a group's member serves for the
group, the stated number of products does not matter, only items that nothing crafts can be fetched. What the original
does wrong is mended: the whole text has to be the command, counts go from 1 to 9999, an ingredient named twice is added
up, and answers show readable names, never an identifier or a printed Python object.
"""

from __future__ import annotations

import re

from rftcore_textcraft.commands import Command, Craft, Get, Look, Reply, answer
from rftcore_textcraft.recipes import RecipeBook, matching

_GET = re.compile(r"get ([0-9]+) (.+)")
_CRAFT = re.compile(r"craft (?:[0-9]+ )?(.+) using (.+)")
_INPUT = re.compile(r"([0-9]+) (.+)")
_LARGEST = 9999
_REMEMBERED = 8192
_LONGEST = 200


class Rules:
    """Reads actions for one recipe book. Remembers what it read; safe to share between episodes and threads."""

    def __init__(self, book: RecipeBook) -> None:
        self.book = book
        self._read: dict[str, Command] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_read": {}}

    def read(self, action: str) -> Command:
        """Return the command that `action`, any text at all, stands for."""
        command = self._read.get(action)
        if command is None:
            command = self.compile(action)
            if len(action) <= _LONGEST:
                if len(self._read) >= _REMEMBERED:
                    self._read.clear()
                self._read[action] = command
        return command

    def compile(self, action: str) -> Command:
        """Return the command of `action` without looking it up."""
        text = action.strip()
        if text == "inventory":
            return Look(", ", "")
        match = _GET.fullmatch(text)
        count = _count(match[1]) if match else 0
        if match and count:
            item = _name(match[2])
            if self.book.raw(item):
                return Get(item, count, answer(f"Got {count} {item}", valid=True))
            return Reply(answer(f"Could not find {_shown(item)}", valid=False))
        match = _CRAFT.fullmatch(text)
        if match:
            return self._craft(_name(match[1]), match[2])
        return Reply(answer(f"Could not execute {_shown(text)}", valid=False))

    def _craft(self, product: str, ingredients: str) -> Command:
        inputs: dict[str, int] = {}
        for part in map(str.strip, ingredients.split(",")):
            match = _INPUT.fullmatch(part)
            count = _count(match[1]) if match else 0
            if not match or not count:
                return Reply(answer(f"Wrong item format: {_shown(part)}", valid=False))
            item = _name(match[2])
            inputs[item] = inputs.get(item, 0) + count
        used = tuple(inputs.items())
        recipe = matching(self.book, self.book.recipes.get(product, ()), used)
        lacking = answer(f"Could not find enough items to craft {_shown(product)}", valid=False)
        if recipe is None:
            return Craft(
                used, None, 0, lacking, answer(f"Could not find a valid recipe for {_shown(product)}", valid=False)
            )
        made = answer(f"Crafted {recipe.count} {product}", valid=True)
        return Craft(used, product, recipe.count, lacking, made)


def _count(digits: str) -> int:
    """Return the number, or 0 when it is out of range."""
    return int(digits) if len(digits) <= len(str(_LARGEST)) else 0


def _name(text: str) -> str:
    return text.replace("_", " ")


def _shown(text: str) -> str:
    """Return `text` as an answer may repeat it: printable and short."""
    clean = "".join(character if character.isprintable() else "?" for character in text[:80])
    return clean if len(text) <= 80 else clean + "..."
