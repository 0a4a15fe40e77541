"""The learning rate of each update, by hand; and that the learner takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rftcore.schemas.config import LearnerConfig
from rftcore.train.rows import Row
from rftcore.train.schedule import make_schedule

Make = Callable[..., Any]


def factors(updates: int, **config: Any) -> list[float]:
    schedule = make_schedule(LearnerConfig(**config), updates)
    return [schedule(update) for update in range(updates)]


def test_without_a_schedule_the_rate_is_exactly_the_configured_one() -> None:
    assert factors(4) == [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1 / 3, 2 / 3, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [1 / 3, 2 / 3, 1.0, 3 / 4, 2 / 4, 1 / 4]),
        ("cosine", [1 / 3, 2 / 3, 1.0, (1 + 2**-0.5) / 2, 0.5, (1 - 2**-0.5) / 2]),
    ],
)
def test_the_rate_rises_over_the_warm_up_and_then_follows_its_curve(schedule: str, expected: list[float]) -> None:
    assert factors(6, schedule=schedule, warm_up=2) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("updates", [1, 2, 30])
def test_no_update_is_lost_to_a_rate_of_zero(schedule: str, updates: int) -> None:
    found = factors(updates, schedule=schedule)
    assert found[0] == 1.0
    assert min(found) > 0.0
    assert found == sorted(found, reverse=True)


def test_the_first_step_of_adam_is_as_long_as_the_rate_of_its_update(make_model: Make, make_learner: Make) -> None:
    moved = {}
    for update, told in ((None, None), (0, 0.01), (1, 0.005)):
        options = {} if update is None else {"schedule": "linear"}
        learner = make_learner(make_model("qwen2"), learning_rate=0.01, updates=2, **options)
        before = [parameter.detach().clone() for parameter in learner.model.parameters()]
        figures = learner.step([Row([4, 9, 8], [2], [-3.0], [1.0])], update=update or 0)
        assert figures.get("learning_rate") == (None if told is None else pytest.approx(told))
        pairs = zip(before, learner.model.parameters(), strict=True)
        moved[update] = max(float((now - then).abs().max().detach()) for then, now in pairs)
    assert moved[None] == pytest.approx(0.01, rel=1e-3)  # Adam's first step is the rate itself
    assert moved[0] == moved[None]
    assert moved[1] == pytest.approx(0.005, rel=1e-3)


def test_minibatches_of_one_update_have_one_rate(make_model: Make, make_learner: Make) -> None:
    learner = make_learner(make_model("qwen2"), learning_rate=1.0, updates=4, schedule="linear", minibatches=2)
    rates: list[float] = []
    learner.optimizer.step = lambda: rates.append(learner.optimizer.param_groups[0]["lr"])
    rows = [Row([4, 9, token], [2], [-3.0], [1.0]) for token in (7, 8)]
    for update in range(4):
        learner.step(rows, update=update)
    assert rates == [1.0, 1.0, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25]
    assert all(torch.isfinite(parameter).all() for parameter in learner.model.parameters())
