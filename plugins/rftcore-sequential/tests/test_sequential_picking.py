"""Shares, epochs and purity of the sequence of tasks that all curricula of the distribution draw."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rftcore.curriculum import Source, Stage
from rftcore.errors import ConfigError
from rftcore.schemas.task import Task
from rftcore_sequential.picking import apportion, pick, pool_shares, shuffled


def pool(name: str, size: int) -> list[Task]:
    environment, difficulty = name.split(":")
    return [
        Task(
            environment=environment,
            id=f"{environment}/{difficulty}/train/{number}",
            split="train",
            difficulty=difficulty,
            seed=number,
        )
        for number in range(size)
    ]


def pools(**sizes: int) -> dict[str, list[Task]]:
    """`pools(textcraft_easy=3)` is a pool of three tasks named `textcraft:easy`."""
    return {name.replace("_", ":"): pool(name.replace("_", ":"), size) for name, size in sizes.items()}


def stage(**weights: float) -> Stage:
    """`stage(textcraft_easy=2, babyai=1)`."""
    sources = []
    for label, weight in weights.items():
        environment, _, difficulty = label.partition("_")
        sources.append(Source(environment=environment, difficulty=difficulty or None, weight=weight))
    return Stage(name="+".join(source.label for source in sources), sources=tuple(sources))


def names(tasks: list[Task]) -> list[str]:
    return [f"{task.environment}:{task.difficulty}" for task in tasks]


FOUR = pools(textcraft_easy=5, textcraft_hard=3, babyai_easy=7, babyai_hard=2)
SHARES = st.lists(st.integers(1, 50), min_size=1, max_size=6).map(
    lambda weights: tuple(Fraction(weight, sum(weights)) for weight in weights)
)
STAGES = st.dictionaries(
    st.sampled_from(["textcraft", "textcraft_easy", "textcraft_hard", "babyai", "babyai_easy", "babyai_hard"]),
    st.floats(0.01, 100),
    min_size=1,
).map(lambda weights: stage(**weights))


def test_two_thirds_and_one_third_alternate_as_computed_by_hand() -> None:
    # Ranks (j + 1/2) / w: textcraft 0.75, 2.25, 3.75, 5.25; babyai 1.5, 4.5.
    tasks = pick(stage(textcraft_easy=2, babyai_easy=1), 0, 6, FOUR, seed=0)
    assert names(tasks) == [
        "textcraft:easy",
        "babyai:easy",
        "textcraft:easy",
        "textcraft:easy",
        "babyai:easy",
        "textcraft:easy",
    ]


def test_equal_shares_take_turns_in_the_order_of_the_sources() -> None:
    tasks = pick(stage(babyai_easy=1, textcraft_easy=1), 0, 4, FOUR, seed=0)
    assert names(tasks) == ["babyai:easy", "textcraft:easy", "babyai:easy", "textcraft:easy"]


def test_a_source_without_difficulty_spreads_equally_over_the_pools_of_its_environment() -> None:
    shares = pool_shares(stage(textcraft=1, babyai_hard=1), FOUR)
    assert shares == {
        "textcraft:easy": Fraction(1, 4),
        "textcraft:hard": Fraction(1, 4),
        "babyai:hard": Fraction(1, 2),
    }


def test_weights_of_sources_that_share_a_pool_add_up() -> None:
    shares = pool_shares(stage(textcraft=1, textcraft_easy=2), FOUR)
    assert shares == {"textcraft:easy": Fraction(5, 6), "textcraft:hard": Fraction(1, 6)}


def test_weights_are_the_decimal_numbers_that_were_written() -> None:
    assert pool_shares(stage(textcraft_easy=0.1, babyai_easy=0.2), FOUR) == {
        "textcraft:easy": Fraction(1, 3),
        "babyai:easy": Fraction(2, 3),
    }


def test_an_environment_whose_name_begins_another_does_not_take_its_pools() -> None:
    both = FOUR | {"babyai-large:easy": FOUR["textcraft:easy"]}
    assert set(pool_shares(stage(babyai=1), both)) == {"babyai:easy", "babyai:hard"}


def test_seats_are_divided_as_computed_by_hand() -> None:
    # Ranks (j + 1/2) / w: 0.94, 2.83, 4.72, 6.60 for 0.53; 2.08, 6.25 for 0.24; 2.17, 6.52 for 0.23.
    shares = (Fraction(53, 100), Fraction(24, 100), Fraction(23, 100))
    assert [apportion(shares, total) for total in range(8)] == [
        (0, 0, 0),
        (1, 0, 0),
        (1, 1, 0),
        (1, 1, 1),
        (2, 1, 1),
        (3, 1, 1),
        (3, 2, 1),
        (3, 2, 2),
    ]


@settings(deadline=None)
@given(SHARES, st.integers(0, 400))
def test_counts_sum_to_the_total_stay_near_the_shares_and_never_fall(shares: tuple[Fraction, ...], total: int) -> None:
    counts, after = apportion(shares, total), apportion(shares, total + 1)
    assert sum(counts) == total
    for share, count, later in zip(shares, counts, after, strict=True):
        assert abs(count - total * share) <= (1 + len(shares) * share) / 2
        assert count <= later <= count + 1


@settings(deadline=None)
@given(SHARES, st.integers(1, 5))
def test_counts_equal_the_shares_exactly_when_those_are_whole(shares: tuple[Fraction, ...], times: int) -> None:
    whole = 1
    for share in shares:
        whole = whole * share.denominator
    assert apportion(shares, times * whole) == tuple(times * whole * share for share in shares)


@settings(deadline=None)
@given(SHARES, st.integers(0, 60))
def test_counts_are_those_of_handing_out_one_task_after_the_other(shares: tuple[Fraction, ...], total: int) -> None:
    counts = [0] * len(shares)
    for _ in range(total):
        lowest = min(range(len(shares)), key=lambda i: (Fraction(2 * counts[i] + 1) / shares[i], i))
        counts[lowest] += 1
    assert apportion(shares, total) == tuple(counts)


@settings(max_examples=50, deadline=None)
@given(STAGES, st.integers(1, 9), st.integers(0, 2**31))
def test_every_pool_is_walked_without_repetition_within_an_epoch(stage: Stage, count: int, seed: int) -> None:
    drawn = [task for update in range(12) for task in pick(stage, update, count, FOUR, seed)]
    assert len(drawn) == 12 * count
    for name, tasks in FOUR.items():
        walk = [task.id for task in drawn if f"{task.environment}:{task.difficulty}" == name]
        for start in range(0, len(walk), len(tasks)):
            epoch = walk[start : start + len(tasks)]
            assert len(set(epoch)) == len(epoch)


@settings(max_examples=50, deadline=None)
@given(STAGES, st.integers(0, 20), st.integers(1, 8), st.integers(0, 2**31))
def test_updates_are_pieces_of_one_sequence(stage: Stage, update: int, count: int, seed: int) -> None:
    whole = pick(stage, update, 2 * count, FOUR, seed)
    assert whole == pick(stage, 2 * update, count, FOUR, seed) + pick(stage, 2 * update + 1, count, FOUR, seed)


@settings(max_examples=50, deadline=None)
@given(STAGES, st.integers(0, 20), st.integers(1, 8), st.integers(0, 2**31))
def test_the_same_arguments_always_give_the_same_tasks(stage: Stage, update: int, count: int, seed: int) -> None:
    first = pick(stage, update, count, FOUR, seed)
    pick(stage, update + 3, count + 1, FOUR, seed + 1)
    apportion.cache_clear()
    shuffled.cache_clear()
    assert pick(stage, update, count, dict(reversed(FOUR.items())), seed) == first


def test_shares_converge_over_the_updates() -> None:
    mix = stage(textcraft_easy=0.7, babyai_easy=0.2, babyai_hard=0.1)
    counts = Counter(name for update in range(125) for name in names(pick(mix, update, 8, FOUR, seed=3)))
    assert counts == {"textcraft:easy": 700, "babyai:easy": 200, "babyai:hard": 100}


def test_the_order_differs_between_epochs_pools_stages_and_seeds() -> None:
    orders = {
        shuffled(0, "a", "textcraft:easy", 0, 50),
        shuffled(1, "a", "textcraft:easy", 0, 50),
        shuffled(0, "b", "textcraft:easy", 0, 50),
        shuffled(0, "a", "textcraft:hard", 0, 50),
        shuffled(0, "a", "textcraft:easy", 1, 50),
    }
    assert len(orders) == 5
    assert all(sorted(order) == list(range(50)) for order in orders)


def test_every_place_of_the_order_is_equally_likely() -> None:
    # 4,000 orders of 4 tasks: each of the 16 (task, place) pairs is expected 1,000 times with deviation 27.4.
    seen = Counter((task, place) for seed in range(4000) for place, task in enumerate(shuffled(seed, "s", "p:q", 0, 4)))
    assert len(seen) == 16
    assert all(abs(count - 1000) < 4.5 * 27.4 for count in seen.values())


def test_the_order_is_the_same_in_every_process_and_on_every_machine() -> None:
    assert shuffled(7, "textcraft:easy", "textcraft:easy", 2, 8) == (2, 1, 7, 6, 3, 5, 4, 0)
    code = (
        "from rftcore_sequential.picking import shuffled; print(shuffled(7, 'textcraft:easy', 'textcraft:easy', 2, 8))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    other = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == "(2, 1, 7, 6, 3, 5, 4, 0)"


def test_an_unknown_source_is_an_error_that_names_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"'webshop'.*babyai:easy, babyai:hard, textcraft:easy, textcraft:hard"):
        pick(stage(webshop=1), 0, 4, FOUR, seed=0)
    with pytest.raises(ConfigError, match=r"'babyai:medium'.*babyai:easy, babyai:hard"):
        pick(stage(babyai_medium=1), 0, 4, FOUR, seed=0)


def test_an_empty_pool_is_an_error_that_names_the_others() -> None:
    with pytest.raises(ConfigError, match=r"'textcraft:hard' has 0 training tasks.*textcraft:easy"):
        pick(stage(textcraft=1), 0, 4, pools(textcraft_easy=2, textcraft_hard=0), seed=0)
