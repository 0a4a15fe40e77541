"""The parts of the losses against hand-computed numbers, their gradients, and what masked positions may do: nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rftcore.train.losses import (
    clip_figures,
    clipped_objective,
    clipped_sides,
    constant_mean,
    figure_means,
    gated_objective,
    importance_weight,
    kl_k1,
    kl_k3,
    log_ratio,
    require_same_shape,
    row_mean,
    row_ratio,
    sequence_ratio,
    staleness_weight,
    token_mean,
    token_ratio,
    truncated_objective,
    value_error,
)

NAN, INF = math.nan, math.inf
MASK = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""Two rows: two sampled tokens with an observation between them, and one sampled token with padding."""


def close(found: torch.Tensor, expected: float | list[list[float]]) -> None:
    wanted = torch.tensor(expected)
    assert found.shape == wanted.shape
    assert found.flatten().tolist() == pytest.approx(wanted.flatten().tolist(), rel=1e-6, abs=1e-7)


def test_token_ratio_is_the_quotient_of_probabilities() -> None:
    now = torch.tensor([[0.5, 0.9, 0.2], [0.1, 0.9, 0.9]]).log()
    old = torch.tensor([[0.25, 0.1, 0.4], [0.1, 0.1, 0.1]]).log()
    close(token_ratio(now, old, MASK), [[2.0, 1.0, 0.5], [1.0, 1.0, 1.0]])


def test_sequence_ratio_is_the_geometric_mean_over_sampled_tokens() -> None:
    now = torch.tensor([[0.8, 0.9, 0.2], [0.3, 0.9, 0.9]]).log()
    old = torch.tensor([[0.1, 0.1, 0.4], [0.1, 0.1, 0.1]]).log()
    close(sequence_ratio(now, old, MASK), [[math.sqrt(8.0 * 0.5)], [3.0]])


def test_sequence_ratio_of_a_row_without_sampled_tokens_is_one() -> None:
    close(sequence_ratio(torch.tensor([[-1.0, -2.0]]), torch.zeros(1, 2), torch.zeros(1, 2)), [[1.0]])


def test_sequence_ratio_spreads_its_gradient_evenly_over_the_sampled_tokens() -> None:
    now = torch.tensor([[-1.0, -5.0, -2.0], [-1.0, 0.0, 0.0]], requires_grad=True)
    sequence_ratio(now, now.detach(), MASK).sum().backward()
    close(now.grad, [[0.5, 0.0, 0.5], [1.0, 0.0, 0.0]])


def test_differences_of_logprobs_are_held_within_twenty_nats() -> None:
    ratio = log_ratio(torch.tensor([[0.0, -300.0]]), torch.tensor([[-300.0, 0.0]]), torch.ones(1, 2))
    close(ratio, [[20.0, -20.0]])


@pytest.mark.parametrize(
    ("ratio", "advantage", "objective", "gradient", "side"),
    [
        (1.0, 2.0, 2.0, 2.0, None),
        (1.2, 2.0, 2.4, 2.0, None),
        (1.5, 2.0, 2.56, 0.0, "high"),  # min(3.0, 1.28 * 2)
        (0.5, 2.0, 1.0, 2.0, None),  # a good token that became unlikely is pulled back up
        (1.0, -2.0, -2.0, -2.0, None),
        (0.9, -2.0, -1.8, -2.0, None),
        (0.5, -2.0, -1.6, 0.0, "low"),  # min(-1.0, 0.8 * -2)
        (1.5, -2.0, -3.0, -2.0, None),  # a bad token that became likely is pushed back down
    ],
)
def test_clipped_objective_in_every_region(
    ratio: float, advantage: float, objective: float, gradient: float, side: str | None
) -> None:
    ratios = torch.tensor([[ratio]], requires_grad=True)
    advantages = torch.tensor([[advantage]])
    result = clipped_objective(ratios, advantages, torch.ones(1, 1), 0.2, 0.28)
    result.sum().backward()
    close(result, [[objective]])
    close(ratios.grad, [[gradient]])
    low, high = clipped_sides(ratios, advantages, torch.ones(1, 1), 0.2, 0.28)
    assert (low.item(), high.item()) == (float(side == "low"), float(side == "high"))


def test_a_ratio_per_row_meets_the_advantage_of_each_token() -> None:
    advantages = torch.tensor([[1.0, -1.0], [1.0, -1.0]])
    result = clipped_objective(torch.tensor([[1.1], [2.0]]), advantages, torch.ones(2, 2), 0.2, 0.28)
    close(result, [[1.1, -1.1], [1.28, -2.0]])


def test_kl_estimates_of_one_token() -> None:
    policy, reference, mask = torch.tensor([[0.5]]).log(), torch.tensor([[0.25]]).log(), torch.ones(1, 1)
    close(kl_k1(policy, reference, mask), [[math.log(2.0)]])
    close(kl_k3(policy, reference, mask), [[0.5 - 1.0 + math.log(2.0)]])


def test_both_kl_estimates_are_right_in_expectation() -> None:
    policy, reference = torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([[0.3, 0.3, 0.4]])
    exact = sum(p * math.log(p / q) for p, q in [(0.7, 0.3), (0.2, 0.3), (0.1, 0.4)])
    for estimate in (kl_k1, kl_k3):
        found = (policy * estimate(policy.log(), reference.log(), torch.ones(1, 3))).sum()
        assert found.item() == pytest.approx(exact, rel=1e-5)


def test_k3_pulls_the_policy_to_the_reference_from_both_sides() -> None:
    policy = torch.tensor([[-1.0, -3.0, -2.0]], requires_grad=True)
    kl_k3(policy, torch.full((1, 3), -2.0), torch.ones(1, 3)).sum().backward()
    close(policy.grad, [[1.0 - math.exp(-1.0), 1.0 - math.exp(1.0), 0.0]])


def test_k3_keeps_its_precision_near_zero() -> None:
    policy = torch.tensor([[-1.0]])
    found = kl_k3(policy, policy + 2.0**-10, torch.ones(1, 1)).item()
    assert found == pytest.approx(0.5 * 2.0**-20, rel=1e-3)


@settings(deadline=None)
@given(st.floats(-30, 0), st.floats(-30, 0))
def test_k3_is_never_negative(policy: float, reference: float) -> None:
    assert kl_k3(torch.tensor([[policy]]), torch.tensor([[reference]]), torch.ones(1, 1)).item() >= 0.0


FIGURES = torch.tensor([[1.0, NAN, 3.0], [8.0, INF, -INF]])


def test_token_mean_weighs_every_sampled_token_alike() -> None:
    close(token_mean(FIGURES, MASK, 3), 4.0)


def test_row_mean_weighs_every_row_alike() -> None:
    close(row_mean(FIGURES, MASK, 2), 5.0)


def test_constant_mean_divides_by_rows_and_a_fixed_length() -> None:
    close(constant_mean(FIGURES, MASK, 2, 10), 0.6)


def test_row_without_sampled_tokens_adds_nothing_to_the_row_mean() -> None:
    close(row_mean(torch.tensor([[4.0], [9.0]]), torch.tensor([[1.0], [0.0]]), 2), 2.0)


def test_averages_of_an_update_without_tokens_are_zero() -> None:
    figures, mask = torch.tensor([[NAN, 1.0]]), torch.zeros(1, 2)
    assert token_mean(figures, mask, 0).item() == row_mean(figures, mask, 1).item() == 0.0
    assert constant_mean(figures, mask, 1, 5).item() == 0.0


def test_nothing_at_a_masked_position_reaches_a_value_or_a_gradient() -> None:
    now = torch.tensor([[-1.0, NAN, -2.0], [-3.0, -INF, INF]], requires_grad=True)
    old = torch.tensor([[-1.5, -INF, NAN], [-2.0, -INF, NAN]])
    old[0, 2] = -2.5
    advantages = torch.tensor([[1.0, NAN, 1.0], [-1.0, INF, NAN]])
    total = torch.zeros(())
    for ratio in (token_ratio(now, old, MASK), sequence_ratio(now, old, MASK)):
        figures = clipped_objective(ratio, advantages, MASK, 0.9, 9.0) + kl_k3(now, old, MASK) + kl_k1(now, old, MASK)
        total = total + token_mean(figures, MASK, 3) + row_mean(figures, MASK, 2) + constant_mean(figures, MASK, 2, 4)
    total.backward()
    assert torch.isfinite(total)
    assert now.grad is not None
    assert torch.isfinite(now.grad).all()
    assert (now.grad[MASK == 0] == 0).all()
    assert (now.grad[MASK == 1] != 0).all()


def test_a_logprob_that_is_not_a_number_at_a_sampled_token_is_not_hidden() -> None:
    ratio = token_ratio(torch.tensor([[NAN]]), torch.zeros(1, 1), torch.ones(1, 1))
    assert torch.isnan(token_mean(ratio, torch.ones(1, 1), 1))


def test_tensors_that_would_only_fit_by_broadcasting_are_refused() -> None:
    require_same_shape(logprobs=torch.zeros(2, 3), mask=torch.zeros(2, 3), reference_logprobs=None)
    with pytest.raises(ValueError, match=r"logprobs \[2, 3\], advantages \[2, 1\]; expected one shape"):
        require_same_shape(logprobs=torch.zeros(2, 3), advantages=torch.zeros(2, 1))
    with pytest.raises(ValueError, match=r"mask \[3\]"):
        require_same_shape(logprobs=torch.zeros(3), mask=torch.zeros(3))


def test_row_ratio_is_the_product_over_sampled_tokens() -> None:
    now = torch.tensor([[0.8, 0.9, 0.2], [0.3, 0.9, 0.9]]).log()
    old = torch.tensor([[0.1, 0.1, 0.4], [0.1, 0.1, 0.1]]).log()
    close(row_ratio(now, old, MASK), [[8.0 * 0.5], [3.0]])
    close(row_ratio(now, old, torch.zeros(2, 3)), [[1.0], [1.0]])


def test_row_ratio_of_a_long_row_does_not_overflow() -> None:
    ratio = row_ratio(torch.zeros(1, 50), torch.full((1, 50), -15.0), torch.ones(1, 50))
    assert ratio.item() == pytest.approx(math.exp(20.0), rel=1e-5)


GAPS = torch.tensor([[4.0, NAN, 0.25], [0.5, NAN, NAN]]).log()


@pytest.mark.parametrize(
    ("level", "cut", "expected"),
    [
        ("token", "truncate", [[3.0, 1.0, 0.3], [0.5, 1.0, 1.0]]),
        ("token", "mask", [[0.0, 1.0, 0.0], [0.5, 1.0, 1.0]]),
        ("sequence", "truncate", [[1.0], [0.5]]),
        ("sequence", "mask", [[1.0], [0.5]]),
    ],
)
def test_importance_weight_holds_the_ratio_of_learner_and_sampler_in_bounds(
    level: Any, cut: Any, expected: list[list[float]]
) -> None:
    learner = torch.full((2, 3), -1.0, requires_grad=True)
    weight = importance_weight(learner, learner.detach() - GAPS, MASK, level=level, cut=cut, low=0.3, high=3.0)
    close(weight, expected)
    assert not weight.requires_grad


def test_staleness_weight_is_a_ratio_of_at_most_two_for_each_token() -> None:
    learner = torch.tensor([[-1.0, NAN, -1.0], [-1.0, NAN, NAN]], requires_grad=True)
    sampled = torch.tensor([[-1.0 + math.log(4.0), NAN, -1.0 - math.log(1.5)], [-1.0 - math.log(5.0), NAN, NAN]])
    weight = staleness_weight(learner, sampled, MASK)
    close(weight * MASK, [[0.25, 0.0, 1.5], [2.0, 0.0, 0.0]])
    assert not weight.requires_grad


@pytest.mark.parametrize(
    ("ratio", "advantage", "weight"), [(1.0, 2.0, 1.0), (3.0, 2.0, 1.5), (3.0, -2.0, 1.5), (0.1, 2.0, 0.6)]
)
def test_truncated_objective_is_a_weight_on_the_log_probability(ratio: float, advantage: float, weight: float) -> None:
    logprobs = torch.tensor([[-0.7, NAN]], requires_grad=True)
    ratios, advantages = torch.tensor([[ratio, 1.0]], requires_grad=True), torch.tensor([[advantage, NAN]])
    objective = truncated_objective(ratios, logprobs, advantages, torch.tensor([[1.0, 0.0]]), 0.4, 0.5)
    close(objective, [[weight * advantage * -0.7, 0.0]])
    objective.sum().backward()
    close(logprobs.grad, [[weight * advantage, 0.0]])
    assert ratios.grad is None


@pytest.mark.parametrize(("advantage", "temperature"), [(2.0, 1.0), (-2.0, 3.0), (0.0, 3.0)])
@pytest.mark.parametrize("ratio", [1.0, 2.0, 0.2])
def test_gated_objective_has_the_gradient_of_the_ratio_at_one_and_fades(
    ratio: float, advantage: float, temperature: float
) -> None:
    ratios = torch.tensor([[ratio, 9.0]], requires_grad=True)
    objective = gated_objective(ratios, torch.tensor([[advantage, NAN]]), torch.tensor([[1.0, 0.0]]), 1.0, 3.0)
    gate = 1 / (1 + math.exp(-temperature * (ratio - 1)))
    close(objective, [[4 / temperature * gate * advantage, 0.0]])
    objective.sum().backward()
    close(ratios.grad, [[4 * gate * (1 - gate) * advantage, 0.0]])


@pytest.mark.parametrize(
    ("value", "error", "gradient"),
    [
        (0.5, 0.125, -0.5),  # moved by 0.1: as without a clip
        (0.8, 0.08, 0.0),  # moved by 0.4 towards 1 and counts as 0.6
        (0.0, 0.5, -1.0),  # moved by -0.4 away from it
        (1.8, 0.32, 0.8),  # moved past it so far that it is further away than 0.6
    ],
)
def test_value_error_stops_a_value_that_has_come_far_towards_its_target(
    value: float, error: float, gradient: float
) -> None:
    values = torch.tensor([[value, NAN]], requires_grad=True)
    found = value_error(values, torch.tensor([[0.4, NAN]]), torch.tensor([[1.0, NAN]]), torch.tensor([[1.0, 0.0]]), 0.2)
    close(found, [[error, 0.0]])
    found.sum().backward()
    close(values.grad, [[gradient, 0.0]])


def test_figures_are_means_over_the_tokens_of_the_whole_update() -> None:
    now = torch.tensor([[0.5, NAN, 0.2], [0.4, NAN, NAN]]).log()
    old = torch.tensor([[0.25, 1.0, 0.4], [0.4, 1.0, 1.0]]).log()
    ratio, advantages = token_ratio(now, old, MASK), torch.tensor([[1.0, NAN, -1.0], [1.0, NAN, NAN]])
    of_clip = clip_figures(ratio, now, old, advantages, MASK, 0.2, 0.2)
    figures = figure_means({**of_clip, "row": torch.ones(2, 1)}, MASK, 6)
    # Three tokens here of six in the update; k3 is ratio - 1 - log(ratio).
    assert figures == {
        "ratio": pytest.approx(3.5 / 6),
        "clipped_low": pytest.approx(1 / 6),
        "clipped_high": pytest.approx(1 / 6),
        "kl": pytest.approx((1 - math.log(2) - 0.5 + math.log(2)) / 6),
        "row": pytest.approx(3 / 6),
    }
