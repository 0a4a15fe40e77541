"""One run of one shopping task: a session that goes from page to page until something is bought."""

from __future__ import annotations

import random
from typing import ClassVar

from rftcore.environment import ActionList, Episode, Step, with_actions
from rftcore_webshop.actions import Action, read
from rftcore_webshop.goals import Goal
from rftcore_webshop.nouns import Nouns
from rftcore_webshop.pages import (
    BACK,
    BUY,
    LABELS,
    NEXT,
    PREVIOUS,
    RESULTS_A_PAGE,
    SUB_PAGES,
    Page,
    Part,
    done_page,
    item_page,
    item_sub_page,
    refused,
    results_page,
    search_page,
)
from rftcore_webshop.products import Product
from rftcore_webshop.rendering import text, text_rich
from rftcore_webshop.reward import Reward, reward
from rftcore_webshop.shop import Shop
from rftcore_webshop.shopper import advise

LONGEST_QUERY = 1000
"""Characters of a query that are searched for; the rest is cut off."""
_SUB_PAGES = {name.lower(): name for name in SUB_PAGES}


class Shopping(Episode):
    """Buy what `goal` asks for. The reward comes with the purchase, which ends the episode; the end is final."""

    mended: ClassVar[bool] = True
    """Whether the original's defects are mended."""

    def __init__(self, shop: Shop, goal: Goal, nouns: Nouns, rich: bool, action_list: ActionList) -> None:
        self.shop, self.goal = shop, goal
        self.page: Page
        """What the agent looks at."""
        self.clickables: dict[str, Part]
        """What can be clicked there, by lower-cased text."""
        self.bought: Reward | None = None
        """What the purchase was worth, in all its parts; None before it."""
        self.asin: str | None = None
        """The product looked at."""
        self.chosen: dict[str, str] = {}
        """Options of that product chosen so far, name to value."""
        self.results: tuple[str, ...] = ()
        """ASINs found by the last search."""
        self.number = 0
        """The page of the results, from 1; 0 before a search."""
        self._nouns, self._rich, self._action_list = nouns, rich, action_list
        self._keywords: list[str] = []
        self._seen: set[str] = set()
        self._end: Step | None = None
        self._show(search_page(goal.instruction), first=True)

    def step(self, action: str) -> Step:
        if self._end is not None:
            return self._end
        wanted = self._read(action)
        if wanted is None or not self._do(wanted):
            if self.mended:
                self._say(refused(self.page))
            return Step(self.observation, 0.0, terminated=False, valid=False)
        if self.bought is None:
            return Step(self.observation, 0.0, terminated=False)
        value = self.bought.value
        self._end = Step(self.observation, value, terminated=True, success=value == 1.0)
        return self._end

    def available_actions(self) -> tuple[str, ...]:
        """Return a click on everything that can be clicked, and `search[...]` where there is a search bar."""
        if self.page.name == "index":
            return ("search[...]",)
        parts = self.clickables.values()
        return tuple(f"click[{part.text}]" for part in parts if part.kind != "option" or self.choosable(part.text))

    def random_action(self, rng: random.Random) -> str:
        """Return a click on anything, or where there is a search bar a search for words of the instruction."""
        action = rng.choice(self.available_actions() or (f"click[{BUY}]",))
        if action != "search[...]":
            return action
        words = self.goal.instruction.split()
        start = rng.randrange(len(words))
        return f"search[{' '.join(words[start : start + rng.randint(1, 5)])}]"

    def expert_action(self) -> str | None:
        """Return what a shopper who knows the goal would do next; None after the purchase."""
        return None if self._end is not None else advise(self)

    def choosable(self, value: str) -> bool:
        """Return whether a click chooses this value of an option; in the original some values cannot be chosen."""
        if value not in self.clickables or (value in LABELS and not self.mended):
            return False
        return self._read(f"click[{value}]") == ("click", value)

    def _read(self, action: str) -> Action | None:
        return read(action)

    def _do(self, action: Action) -> bool:
        """Carry out an action; return whether the page offers it."""
        if action.name == "search" and self._searchable(action.argument):
            self._keywords = action.argument[:LONGEST_QUERY].split(" ")
            self._list(1)
            return True
        label = action.argument.strip() if self.mended and action.argument not in self.clickables else action.argument
        part = self.clickables.get(label)
        if action.name != "click" or part is None or label == "search":
            return False
        # The original goes by the label alone, so there a value called `features` opens the page of features.
        self._click(label if part.kind == "button" or not self.mended else "", part)
        return True

    def _searchable(self, words: str) -> bool:
        return not self.mended or (self.page.name == "index" and bool(words.strip()))

    def _click(self, label: str, part: Part) -> None:
        """Go where the button `label` leads, or choose `part`."""
        if label == BUY.lower():
            self._buy()
        elif label == BACK.lower():
            self.asin, self.chosen, self.results, self.number = None, {}, (), 0
            self._keywords = []
            self._seen.clear()
            self._show(search_page(self.goal.instruction))
        elif label == NEXT.lower() and self._place() == "search_results":
            self._list(self.number + 1)
        elif label == PREVIOUS.lower() and self._place() != "item_sub_page":
            self._list(self.number - (self._place() == "search_results"))
        elif label in _SUB_PAGES:
            self._show(item_sub_page(self.goal.instruction, self._product(), _SUB_PAGES[label]))
        else:
            if part.kind == "product":
                self.asin = part.text
                self._seen.add(part.text)
            elif part.kind == "option":
                self.chosen[part.option] = part.text
            self._show(item_page(self.goal.instruction, self._product(), self.chosen, self.mended))

    def _place(self) -> str:
        """Return the name of the page that `Prev` and `Next` start from."""
        return self.page.name

    def _found(self) -> tuple[str, ...]:
        """Return the ASINs that the keywords find."""
        return self.shop.search(" ".join(self._keywords))

    def _list(self, number: int) -> None:
        self.asin, self.chosen, self.number = None, {}, number
        self.results = self._found()
        window = self.results[(number - 1) * RESULTS_A_PAGE : number * RESULTS_A_PAGE]
        products = [self.shop.product(asin) for asin in window]
        self._show(results_page(self.goal.instruction, products, number, len(self.results), self.mended))

    def _product(self) -> Product:
        return self.shop.product(self.asin or "")

    def _buy(self) -> None:
        product = self._product()
        price = self.shop.price(product.asin)
        self.bought = reward(product, self.chosen, price, self.goal, self._nouns, self.mended)
        self._show(done_page(product.asin, self.chosen, self.bought.value, self.mended))

    def _show(self, page: Page, first: bool = False) -> None:
        self.page = page
        self.clickables = page.clickables()
        self._say(page, first)

    def _say(self, page: Page, first: bool = False) -> None:
        written = text_rich(page, self._clicked) if self._rich else text(page)
        listed = self._action_list == "every" or (first and self._action_list == "first")
        self.observation = self._listed(written) if listed and page.name != "done" else written

    def _clicked(self, part: Part) -> bool:
        return part.text in self._seen if part.kind == "product" else self.chosen.get(part.option) == part.text

    def _listed(self, written: str) -> str:
        return with_actions(written, self.available_actions())
