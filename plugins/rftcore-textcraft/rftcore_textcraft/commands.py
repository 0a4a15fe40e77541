"""What an understood action does to an inventory.

An action is read once and becomes one of four commands; a command is immutable and carries its answers ready made, so
that the same action in another episode costs a dictionary look-up. No command knows the goal: the episode does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from rftcore.environment import Step

Inventory = dict[str, int]
"""Pieces held by item name, in the order in which the items came."""


def answer(text: str, *, valid: bool) -> Step:
    """Return a step that decides nothing."""
    return Step(text, 0.0, terminated=False, valid=valid)


class Command(Protocol):
    """Something that can be done with an inventory."""

    @property
    def product(self) -> str | None:
        """The item that a valid step of this command crafts, if it crafts at all."""

    def apply(self, inventory: Inventory) -> Step:
        """Change `inventory` and say what happened."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Nothing happens; the answer is always the same."""

    product: ClassVar[str | None] = None
    step: Step

    def apply(self, inventory: Inventory) -> Step:
        return self.step


@dataclass(frozen=True, slots=True)
class Get:
    """Fetch pieces of a raw item."""

    product: ClassVar[str | None] = None
    item: str
    count: int
    step: Step

    def apply(self, inventory: Inventory) -> Step:
        inventory[self.item] = inventory.get(self.item, 0) + self.count
        return self.step


@dataclass(frozen=True, slots=True)
class Craft:
    """Turn ingredients into a product. Without a matching recipe `product` is None, and `step` tells who holds them."""

    inputs: tuple[tuple[str, int], ...]
    product: str | None
    count: int
    lacking: Step
    step: Step

    def apply(self, inventory: Inventory) -> Step:
        for item, count in self.inputs:
            if inventory.get(item, -1) < count:
                return self.lacking
        if self.product is not None:
            for item, count in self.inputs:
                left = inventory[item] - count
                if left:
                    inventory[item] = left
                else:
                    del inventory[item]
            inventory[self.product] = inventory.get(self.product, 0) + self.count
        return self.step


@dataclass(frozen=True, slots=True)
class Look:
    """List the inventory."""

    product: ClassVar[str | None] = None
    separator: str
    end: str

    def apply(self, inventory: Inventory) -> Step:
        listed = self.separator.join(f"[{item}] ({count})" for item, count in inventory.items())
        return answer(
            f"Inventory: {listed}{self.end}" if listed else "Inventory: You are not carrying anything.", valid=True
        )
