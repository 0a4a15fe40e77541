from __future__ import annotations

from collections.abc import Callable

import pytest

from rftcore.schemas.trajectory import Group
from rftcore_generalization.figures import figures, samples_of
from rftcore_generalization.metric import Generalization


def test_the_plain_figures_of_a_cell_by_hand(make_group: Callable[..., Group]) -> None:
    groups = [
        make_group("a", "1100", turns=2, tokens=3, invalid=1),
        make_group("b", "0000", turns=4, tokens=5, invalid=0),
    ]
    assert figures(groups) == {
        "avg_at_k": 0.25,
        "pass_at_k": 0.5,
        "success_rate": 0.25,
        "turns": 3.0,
        "generated_tokens": 13.0,  # 2 turns x 3 tokens and 4 x 5, four episodes each
        "invalid_rate": 4 / 24,
        "zero_variance_share": 0.5,
        "mean_return": 0.25,
        "masked": 0.0,
    }


def test_samples_lost_to_the_machine_are_no_failures(make_group: Callable[..., Group]) -> None:
    lost, unlost = [make_group("a", "11xx")], [make_group("a", "11")]
    found = figures(lost)
    assert found["avg_at_k"] == found["success_rate"] == found["mean_return"] == 1.0
    assert found["masked"] == 2.0
    assert {name: found[name] for name in ("turns", "generated_tokens", "invalid_rate", "zero_variance_share")} == {
        name: figures(unlost)[name] for name in ("turns", "generated_tokens", "invalid_rate", "zero_variance_share")
    }


def test_losses_make_the_success_rate_and_avg_at_k_differ(make_group: Callable[..., Group]) -> None:
    found = figures([make_group("a", "1xxx"), make_group("b", "0000")])
    assert found["avg_at_k"] == 0.5
    assert found["success_rate"] == 0.2


def test_pass_at_k_is_absent_when_every_task_lost_a_sample(make_group: Callable[..., Group]) -> None:
    assert "pass_at_k" not in figures([make_group("a", "11x"), make_group("b", "0x0")])


def test_what_is_undefined_is_absent(make_group: Callable[..., Group]) -> None:
    assert figures([]) == {"masked": 0.0}
    assert figures([make_group("a", "xx")]) == {"masked": 2.0}


def test_a_policy_without_tokens_has_no_token_count(make_group: Callable[..., Group]) -> None:
    assert "generated_tokens" not in figures([make_group("a", "10", tokens=0)])


def test_an_endless_return_is_no_mean(make_group: Callable[..., Group]) -> None:
    group = make_group("a", "10")
    spoiled = group.trajectories[0].model_copy(update={"ret": float("inf")})
    found = figures([group.model_copy(update={"trajectories": (spoiled, *group.trajectories[1:])})])
    assert "mean_return" not in found
    assert found["avg_at_k"] == 0.5


def test_k_is_the_number_of_samples_a_task_was_given(make_group: Callable[..., Group]) -> None:
    assert samples_of([make_group("a", "1x0"), make_group("b", "xxx")]) == 3
    assert samples_of([]) == 0


def test_the_metric_measures_the_same_whatever_the_order(make_group: Callable[..., Group]) -> None:
    groups = [make_group(key, marks) for key, marks in (("a", "110"), ("b", "1x0"), ("c", "000"), ("d", "xxx"))]
    metric = Generalization()
    assert metric.measure(groups) == metric.measure(groups[::-1])
    assert metric.measure(groups)["avg_at_k"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
