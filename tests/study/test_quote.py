"""What policies behind an API will cost, worked out by hand on the environments of the plugin `chance`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rftcore import registry
from rftcore.policy import ChatPolicy, Prompt, Spending
from rftcore.quote import Quote, quotes
from rftcore.specs import PolicySpec
from rftcore.study import Study


class Chatty(ChatPolicy):
    """Nobody is to ask it anything here."""

    name = "chatty"
    lanes = 1
    longest = 10
    spending = Spending(0, 0, 0, None)

    def open(self, place: Path) -> None:
        raise AssertionError

    async def reply(self, prompt: Prompt) -> str:
        raise AssertionError

    def price(self, prompt_tokens: float, completion_tokens: float) -> float:
        return prompt_tokens + 100 * completion_tokens


class Free(Chatty):
    longest = None

    def price(self, prompt_tokens: float, completion_tokens: float) -> None:
        return None


@pytest.fixture(autouse=True)
def _chatty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_added", {})
    for name, target in (("chatty", "Chatty"), ("free", "Free")):
        registry.add(PolicySpec(name=name, target=f"{__name__}:{target}", summary="x", chat=True))


def quoted(model: Path, *references: Any, difficulty: str = "", **changes: Any) -> dict[str, Quote]:
    """The quotes of a study whose cells play 2 tasks 3 times each, of all cells or those of one difficulty."""
    study = Study(
        model=str(model),
        axes={"transfer": ["even:easy"]},
        evaluation={"tasks": 2, "samples": 3},
        references=list(references),
        **changes,
    )
    plan = study.blueprint.plan
    cells = tuple(cell for cell in plan.cells if difficulty in cell.difficulty)
    return quotes(study.config, plan.model_copy(update={"cells": cells}), study.blueprint.environments)


def ends(found: Quote) -> dict[str, tuple[float, float]]:
    """The low and the high end of each figure."""
    ranges = {"answers": found.answers, "prompts": found.prompt_tokens, "completions": found.completion_tokens}
    ranges |= {} if found.money is None else {"money": found.money}
    return {name: (each.low, each.high) for name, each in ranges.items()}


def test_the_expert_s_conversations_are_the_least(model: Path) -> None:
    found = quoted(model, "random", {"name": "chatty", "label": "talker"})
    assert list(found) == ["talker"]
    # "Answer." has 7 characters, "even N" and its line separator 7, "f" 1, "again" 5; a token 4.
    # Easy: one turn. Hard: a second one that sends it all again.
    prompts, answers = 6 * ((7 + 7) + (7 + 7) + (7 + 7 + 1 + 5)) / 4, 6 * (1 + 2) / 4
    low = {name: low for name, (low, _) in ends(found["talker"]).items()}
    assert low == pytest.approx(
        {"answers": 18, "prompts": prompts, "completions": answers, "money": prompts + 100 * answers}
    )


def test_at_most_every_turn_up_to_the_limit_has_the_longest_answer_and_sends_all_before_it(model: Path) -> None:
    talker = quoted(model, "chatty", difficulty="easy")["chatty"]
    prompts = 6 * ((7 + 7) + (7 + 2 * 7 + 40) + (7 + 3 * 7 + 2 * 40)) / 4
    high = {name: high for name, (_, high) in ends(talker).items()}
    assert high == pytest.approx(
        {"answers": 18, "prompts": prompts, "completions": 18 * 10, "money": prompts + 100 * 180}
    )


def test_a_window_and_examples_count_as_they_are_sent(model: Path) -> None:
    window = {"name": "window", "turns": 2}
    talker = quoted(model, "chatty", difficulty="easy", history=window, format="react", shots=1)["chatty"]
    # The rules of the format, the example (7, "Action: f" 9), and of the third turn the first one and itself.
    opening = len("Answer.\nAnswer with your reasoning after 'Thought:' and then exactly one action after 'Action:'.")
    opening += 7 + 9
    expected = 6 * (opening + 7) / 4, 6 * ((opening + 7) + 2 * (opening + 7 + 40 + 7)) / 4
    assert ends(talker)["prompts"] == pytest.approx(expected)


def test_without_prices_there_is_no_sum_and_without_a_limit_the_run_s_own_counts(model: Path) -> None:
    free = quoted(model, "free", difficulty="easy", sampling={"max_new_tokens": 5})["free"]
    assert free.money is None
    assert free.completion_tokens.high == pytest.approx(18 * 5)
