"""An episode under the profiles `original` and `agentgym`: the published program with its defects, byte for byte.

It takes the beginning of an action for the whole, searches from any page, answers what it does not understand with the
same page again, and reads from the page's address both where it is and which options were chosen. Checked against
recorded episodes; use it to compare with published numbers, not to train.
"""

from __future__ import annotations

import json
import random
from typing import ClassVar

from rftcore.environment import ActionList
from rftcore_webshop.actions import Action, read_original
from rftcore_webshop.episode import Shopping
from rftcore_webshop.goals import Goal
from rftcore_webshop.nouns import Nouns
from rftcore_webshop.pages import Part
from rftcore_webshop.shop import Shop

_NAMES = ("search_results", "item_page", "item_sub_page")
"""Pages in the order in which the original looks for their names in an address."""


class OriginalShopping(Shopping):
    """An episode of the published program."""

    mended: ClassVar[bool] = False

    def __init__(
        self,
        shop: Shop,
        goal: Goal,
        nouns: Nouns,
        rich: bool,
        action_list: ActionList,
        special: random.Random | None = None,
    ) -> None:
        """`special` allows the special queries, and draws the results of `<r>`."""
        self._special = special
        super().__init__(shop, goal, nouns, rich, action_list)

    def _read(self, action: str) -> Action | None:
        return read_original(action)

    def _found(self) -> tuple[str, ...]:
        found = None if self._special is None else self.shop.special(self._keywords, self._special)
        return super()._found() if found is None else found

    def _address(self) -> str:
        chosen = json.dumps(self.chosen) if self.page.name == "item_page" else str(self.chosen)
        return f"{self.page.name}/{self.asin}/{'+'.join(self._keywords)}/{self.number}/{chosen}"

    def _place(self) -> str:
        address = self._address()
        return next(name for name in (*_NAMES, "") if name in address)

    def _clicked(self, part: Part) -> bool:
        return super()._clicked(part) if part.kind == "product" else f'"{part.text}"' in self._address()

    def _listed(self, written: str) -> str:
        offered = {"has_search_bar": self.page.name == "index", "clickables": [*self.clickables]}
        return f"{written}\nAvailable actions: {offered}"
