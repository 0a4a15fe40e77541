"""Does the machinery keep its promises? Simulated studies with known truth, fixed seeds.

Tasks differ: a task's own success rate is drawn from a beta distribution of the given mean, in which two samples of one
task correlate by 0.3. The limits leave room for the chance of 600 simulated studies.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from rftcore_generalization.detectable import minimum_detectable
from rftcore_generalization.intervals import Estimate, change, success
from rftcore_generalization.kappa import Reading, cohen_kappa
from rftcore_generalization.permutation import paired_permutation
from rftcore_generalization.tally import Pair, Tally

TASKS, SAMPLES, STUDIES, RESAMPLES = 48, 4, 600, 500
CORRELATION = 0.3


def task_rates(
    rng: np.random.Generator, mean: float, tasks: int = TASKS, studies: int = STUDIES
) -> NDArray[np.float64]:
    strength = (1 - CORRELATION) / CORRELATION
    return rng.beta(mean * strength, (1 - mean) * strength, (studies, tasks))


def tallies(rng: np.random.Generator, rates: NDArray[np.float64]) -> list[list[Tally]]:
    return [[Tally(count, SAMPLES) for count in study] for study in rng.binomial(SAMPLES, rates).tolist()]


def paired_studies(
    rng: np.random.Generator, before: NDArray[np.float64], after: NDArray[np.float64]
) -> list[list[Pair]]:
    return [
        [Pair(a, b) for a, b in zip(*study, strict=True)]
        for study in zip(tallies(rng, after), tallies(rng, before), strict=True)
    ]


@pytest.mark.parametrize(("mean", "seed"), [(0.05, 1), (0.4, 2), (0.9, 3)])
def test_success_intervals_cover_the_truth_95_times_in_100(mean: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    studies = tallies(rng, task_rates(rng, mean))
    estimates = [success([study], RESAMPLES) for study in studies]
    coverage = np.mean([low <= mean <= high for _, low, high in estimates if low is not None and high is not None])
    assert 0.93 <= coverage <= 0.985


@pytest.mark.parametrize(("mean", "gain", "seed"), [(0.3, 0.0, 4), (0.05, 0.15, 5)])
def test_change_intervals_cover_the_truth_95_times_in_100(mean: float, gain: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = task_rates(rng, mean)
    after = before + gain * (1 - before) / (1 - mean)
    estimates = [change([study], RESAMPLES) for study in paired_studies(rng, before, after)]
    coverage = np.mean([low <= gain <= high for _, low, high in estimates if low is not None and high is not None])
    assert 0.93 <= coverage <= 0.985


def test_the_permutation_test_cries_wolf_at_most_5_times_in_100() -> None:
    rng = np.random.default_rng(6)
    rates = task_rates(rng, 0.3, studies=1500)
    p_values = [paired_permutation(study) for study in paired_studies(rng, rates, rates)]
    size = np.mean([p is not None and p <= 0.05 for p in p_values])
    assert 0.03 <= size <= 0.06


def test_a_minimum_detectable_difference_is_found_in_80_of_100_studies() -> None:
    rng = np.random.default_rng(7)
    before = task_rates(rng, 0.4, tasks=128)
    gain = 0.076
    studies = paired_studies(rng, before, before + gain * (1 - before) / (1 - 0.4))
    assert np.mean([minimum_detectable(study) for study in studies]) == pytest.approx(gain, abs=0.002)
    power = np.mean([(paired_permutation(study) or 0.0) <= 0.05 for study in studies])
    assert power == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("shares", "kappa", "most"),
    [((0.195, 0.105, 0.105, 0.595), 0.5, 0.985), ((0.2212, 0.0089, 0.0089, 0.761), 0.95, 1.0)],
)
def test_intervals_of_kappa_cover_the_truth_95_times_in_100(
    shares: tuple[float, ...], kappa: float, most: float
) -> None:
    """Two readers who find a label in 30 % or 23 % of 70 episodes; rare disagreements make the interval cautious."""
    assert shares[0] + shares[3] == pytest.approx(
        1 - (1 - kappa) * 2 * (shares[0] + shares[1]) * (1 - sum(shares[:2])), abs=1e-3
    )
    said = ((True, True), (True, False), (False, True), (False, False))
    studies = np.random.default_rng(10).multinomial(70, shares, STUDIES).tolist()
    estimates = [
        cohen_kappa([Reading(*pair) for pair, count in zip(said, study, strict=True) for _ in range(count)], RESAMPLES)
        for study in studies
    ]
    coverage = np.mean([low <= kappa <= high for _, low, high in estimates if low is not None and high is not None])
    assert 0.94 <= coverage <= most


FAMILIES, COPIES, ALIKE = 34, 4, 0.74
"""Tasks that are variants of 34 goals; a correlation of the rates within a goal as base has it on TextCraft."""


def alike(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Normal scores of shape (studies, tasks), correlated within each family of `COPIES` neighbours."""
    goals = np.repeat(rng.standard_normal((shape[0], shape[1] // COPIES)), COPIES, axis=1)
    return np.sqrt(ALIKE) * goals + np.sqrt(1 - ALIKE) * rng.standard_normal(shape)


def variants(rng: np.random.Generator, scores: NDArray[np.float64], mean: float) -> list[list[Tally]]:
    """Samples of tasks whose rates follow the usual beta distribution, in the order of the scores."""
    strength = (1 - CORRELATION) / CORRELATION
    rates = stats.beta.ppf(stats.norm.cdf(scores), mean * strength, (1 - mean) * strength)
    return [
        [Tally(tally.successes, tally.samples, f"goal {place // COPIES}") for place, tally in enumerate(study)]
        for study in tallies(rng, rates)
    ]


def coverage(estimates: list[Estimate], truth: float) -> float:
    held = [low <= truth <= high for _, low, high in estimates if low is not None and high is not None]
    return sum(held) / len(estimates)


def test_variants_of_few_goals_keep_every_promise_and_would_break_it_as_tasks_of_their_own() -> None:
    rng = np.random.default_rng(8)
    shape = (400, FAMILIES * COPIES)
    before = alike(rng, shape)
    after = 0.8 * before + 0.6 * alike(rng, shape)  # goals change their ranks, the mean does not change
    studies = [
        [Pair(*task) for task in zip(*study, strict=True)]
        for study in zip(variants(rng, after, 0.4), variants(rng, before, 0.4), strict=True)
    ]
    unrelated = [[Pair(Tally(*pair.after[:2]), Tally(*pair.before[:2])) for pair in study] for study in studies]
    levels = [success([[pair.after for pair in study]], RESAMPLES) for study in studies]
    assert 0.93 <= coverage(levels, 0.4) <= 0.985
    assert 0.925 <= coverage([change([study], RESAMPLES) for study in studies], 0.0) <= 0.985
    honest_size, naive_size = (
        np.mean([(paired_permutation(study) or 0.0) <= 0.05 for study in kind]) for kind in (studies, unrelated)
    )
    assert 0.02 <= honest_size <= 0.075
    assert naive_size > 1.5 * honest_size
    naive = [success([[pair.after for pair in study]], RESAMPLES) for study in unrelated]
    assert coverage(naive, 0.4) < 0.85
