"""A budget that no answer can break, worked out by hand."""

from __future__ import annotations

import asyncio

import pytest

from rftcore.policy import BudgetSpent
from rftcore_openai.budget import Budget, Limits, Prices


class Account:
    """What was paid, as prompt and completion tokens."""

    def __init__(self, limits: Limits, prices: Prices | None = None) -> None:
        self.paid = (0, 0)
        self.budget = Budget(limits, prices, lambda: self.paid)
        self.now, self.most = 0, 0

    async def spend(self, most: tuple[int, int], real: tuple[int, int], seconds: float = 0.0) -> None:
        async with self.budget.reserved(most) as cost:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(seconds)
            self.paid = (self.paid[0] + real[0], self.paid[1] + real[1])
            cost(real)
            self.now -= 1


def test_prices_are_those_of_a_million_tokens() -> None:
    assert Prices(input=2.0, output=8.0).of((500_000, 250_000)) == 1.0 + 2.0
    assert Prices(input=0.15, output=0.6).of((1000, 100)) == pytest.approx(0.00015 + 0.00006)


def test_an_answer_is_let_through_while_its_largest_cost_fits() -> None:
    async def play() -> None:
        account = Account(Limits(tokens=100))
        await account.spend((30, 20), (30, 5))
        await account.spend((30, 20), (30, 5))  # 35 + 50 <= 100
        with pytest.raises(BudgetSpent) as stop:
            await account.spend((30, 20), (30, 5))  # 70 + 50 > 100
        assert str(stop.value) == "budget: 70 of 100 tokens are spent, and the next answer may take 50"
        with pytest.raises(BudgetSpent, match="the next answer may take 50"):
            await account.spend((1, 1), (1, 1))
        assert account.paid == (60, 10), "and once it is spent nothing more is paid, however small"

    asyncio.run(play())


def test_money_is_counted_with_the_prices() -> None:
    async def play() -> None:
        account = Account(Limits(money=0.01), Prices(input=1.0, output=10.0))
        await account.spend((1000, 800), (1000, 100))  # 0.009 at most, 0.002 in truth
        with pytest.raises(BudgetSpent) as stop:
            await account.spend((1000, 800), (1000, 100))  # 0.002 + 0.009 > 0.01
        assert str(stop.value) == "budget: 0.0020 of 0.01 are spent, and the next answer may cost 0.0090"

    asyncio.run(play())


def test_what_is_in_flight_counts_at_its_most_and_others_wait_for_its_real_cost() -> None:
    async def play() -> Account:
        account = Account(Limits(tokens=220))
        await asyncio.gather(*(account.spend((50, 50), (10, 10), 0.01) for _ in range(5)))
        return account

    account = asyncio.run(play())
    assert account.paid == (50, 50)
    assert account.most == 2, "after the first, of 20, a third one of 100 had not fitted beside two"


def test_the_first_answer_is_asked_for_alone_and_what_it_cost_beyond_is_held_from_then_on() -> None:
    async def play() -> tuple[Account, list[object]]:
        account = Account(Limits(tokens=500))
        whole = (account.spend((50, 50), (150, 52), 0.01) for _ in range(4))  # 100 more of a prompt, 2 of an answer
        return account, list(await asyncio.gather(*whole, return_exceptions=True))

    account, found = asyncio.run(play())
    assert account.most == 1, "202 + 202 + 202 > 500"
    assert [type(one) for one in found] == [type(None), type(None), BudgetSpent, BudgetSpent]
    assert account.paid == (300, 104)
    assert str(found[-1]) == "budget: 404 of 500 tokens are spent, and the next answer may take 202"


def test_an_answer_that_failed_teaches_nothing_and_the_next_one_is_alone_again() -> None:
    async def play() -> int:
        account = Account(Limits(tokens=10_000))
        with pytest.raises(ConnectionError):
            async with account.budget.reserved((60, 40)):
                raise ConnectionError
        await asyncio.gather(*(account.spend((60, 40), (500, 1), 0.01) for _ in range(2)))
        return account.most

    assert asyncio.run(play()) == 1


def test_those_that_wait_learn_of_the_end() -> None:
    async def play() -> list[object]:
        account = Account(Limits(tokens=100))
        whole = (account.spend((60, 40), (60, 40), 0.01) for _ in range(4))
        return list(await asyncio.gather(*whole, return_exceptions=True))

    found = asyncio.run(play())
    assert [type(one) for one in found] == [type(None), BudgetSpent, BudgetSpent, BudgetSpent]


def test_a_failed_request_gives_back_what_was_held_for_it() -> None:
    async def play() -> None:
        account = Account(Limits(tokens=100))
        with pytest.raises(ConnectionError):
            async with account.budget.reserved((60, 40)):
                raise ConnectionError
        await account.spend((60, 40), (1, 1))
        assert account.paid == (1, 1)

    asyncio.run(play())


def test_without_limits_nobody_waits() -> None:
    async def play() -> int:
        account = Account(Limits())
        await asyncio.gather(*(account.spend((10**9, 10**9), (1, 1), 0.01) for _ in range(50)))
        return account.most

    assert asyncio.run(play()) == 50
