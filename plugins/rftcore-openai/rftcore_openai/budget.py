"""A budget that holds: an answer is asked for only when its largest possible cost is still there.

What is in flight counts as spent until its real cost is known. So answers that do not fit beside those in flight wait
for them, and the budget is spent when one does not fit although nothing is in flight. The first one is asked for alone:
what it cost beyond what seemed possible, such as for instructions that an endpoint adds, is held for each later one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pydantic import Field

from rftcore.policy import BudgetSpent
from rftcore.schemas.frozen import Frozen


class Prices(Frozen):
    """What tokens cost, in any one currency."""

    input: float = Field(ge=0, allow_inf_nan=False)
    """Of a million tokens of prompts."""
    output: float = Field(ge=0, allow_inf_nan=False)
    """Of a million tokens of answers, hidden reasoning included."""

    def of(self, tokens: tuple[float, float]) -> float:
        """Return the price of so many tokens of prompts and of answers."""
        return (tokens[0] * self.input + tokens[1] * self.output) / 1e6


class Limits(Frozen):
    """What a run may spend, over all processes that work on it and all sessions that it takes."""

    tokens: int | None = Field(default=None, ge=1)
    """Of prompts and of answers together; None: any number."""
    money: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """In the currency of `prices`; None: any sum."""


class Budget:
    """Lets answers through while they fit."""

    def __init__(self, limits: Limits, prices: Prices | None, paid: Callable[[], tuple[int, int]]) -> None:
        """`paid` returns the tokens of prompts and of answers that the run has paid for."""
        self._limits, self._prices, self._paid = limits, prices, paid
        self._held: list[tuple[int, int]] = []
        self._beyond: tuple[int, int] | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._spent = ""

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._limits != Limits()

    @asynccontextmanager
    async def reserved(self, most: tuple[int, int]) -> AsyncIterator[Callable[[tuple[int, int]], None]]:
        """Hold back `most` tokens of prompt and of answer meanwhile; what they cost is in `paid` by the end.

        What is yielded is told the real cost. Raises BudgetSpent when more is held than is left, and from then on.
        """
        while not self._fits(most):
            if self._spent or not self._held:
                self._spent = self._spent or self._story(most)
                self._wake()
                raise BudgetSpent(self._spent)
            settled = asyncio.get_running_loop().create_future()
            self._waiting.append(settled)
            await settled
        self._held.append(most)

        def cost(real: tuple[int, int]) -> None:
            known = self._beyond or (0, 0)
            self._beyond = (max(known[0], real[0] - most[0]), max(known[1], real[1] - most[1]))

        try:
            yield cost
        finally:
            self._held.remove(most)
            self._wake()

    def _fits(self, most: tuple[int, int]) -> bool:
        if not self.limited:
            return True
        if self._spent or (self._beyond is None and self._held):
            return False
        held = [self._most(each) for each in (most, *self._held)]
        whole = [sum(parts) for parts in zip(self._paid(), *held, strict=True)]
        return self._within((whole[0], whole[1]))

    def _most(self, most: tuple[int, int]) -> tuple[int, int]:
        more = self._beyond or (0, 0)
        return most[0] + more[0], most[1] + more[1]

    def _within(self, tokens: tuple[int, int]) -> bool:
        limits = self._limits
        if limits.tokens is not None and sum(tokens) > limits.tokens:
            return False
        return limits.money is None or self._prices is None or self._prices.of(tokens) <= limits.money

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    def _story(self, most: tuple[int, int]) -> str:
        limits, paid, most = self._limits, self._paid(), self._most(most)
        parts = []
        if limits.tokens is not None:
            parts.append(
                f"{sum(paid):,} of {limits.tokens:,} tokens are spent, and the next answer may take {sum(most):,}"
            )
        if limits.money is not None and self._prices is not None:
            spent, next_one = self._prices.of(paid), self._prices.of(most)
            parts.append(f"{spent:.4f} of {limits.money:g} are spent, and the next answer may cost {next_one:.4f}")
        return f"budget: {'; '.join(parts)}"
