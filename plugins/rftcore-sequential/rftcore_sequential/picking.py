"""Which tasks an update takes: a pure function, shared by all curricula of this distribution.

A stage is one infinite sequence of tasks, and update u takes its elements u * count to (u + 1) * count. Two rules make
the sequence. Pools take turns by Sainte-Laguë's rule (the j-th task of a pool with share w, from 0, has rank
(j + 1/2) / w, and lower ranks come first), so that the counts are fair after any number of tasks, and equal the shares
whenever those are whole numbers. Within a pool, tasks come in a seeded order, each once, then in another order. Nothing
is remembered from call to call, and nothing is drawn with replacement.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from rftcore.curriculum import Source, Stage
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import digest
from rftcore.schemas.task import Task


def pick(stage: Stage, update: int, count: int, pools: Mapping[str, Sequence[Task]], seed: int) -> list[Task]:
    """Return the `count` tasks of update number `update`, from 0.

    Every update of a stage must ask for the same `count`; otherwise tasks are left out or come again too early. A task
    can occur twice in one update only where the update is larger than the rest of a pool's epoch. Raises ConfigError
    when a source of the stage has no pool, or a pool has no tasks.
    """
    shares = pool_shares(stage, pools)
    first, end = (apportion(tuple(shares.values()), total) for total in (update * count, (update + 1) * count))
    drawn = [
        ((2 * turn + 1) / share, number, pool, turn)
        for number, (pool, share) in enumerate(shares.items())
        for turn in range(first[number], end[number])
    ]
    tasks = []
    for _, _, pool, turn in sorted(drawn):
        size = len(pools[pool])
        tasks.append(pools[pool][shuffled(seed, stage.name, pool, turn // size, size)[turn % size]])
    return tasks


def pool_shares(stage: Stage, pools: Mapping[str, Sequence[Task]]) -> dict[str, Fraction]:
    """Return the share of each pool that the stage draws from, as exact fractions that sum to 1.

    A source without a difficulty spreads its weight equally over the pools of its environment; where two sources name
    the same pool, their weights add up.
    """
    weights: dict[str, Fraction] = {}
    for source in stage.sources:
        names = _pools_of(source, pools)
        for name in names:
            # A weight is meant as it is written: 0.1 is a tenth, not the nearest binary fraction.
            weights[name] = weights.get(name, Fraction(0)) + Fraction(repr(source.weight)) / len(names)
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


@lru_cache(maxsize=1024)
def apportion(shares: tuple[Fraction, ...], total: int) -> tuple[int, ...]:
    """Divide `total` tasks among `shares` (positive, of sum 1) by Sainte-Laguë; ties go to the earlier share.

    The result sums to `total`, never falls when `total` grows, and is off a share w of m by at most (1 + m * w) / 2.
    """
    # Ranks up to total - len(shares) / 2 hold at most `total` tasks, so fewer than len(shares) remain for the loop.
    start = max(Fraction(0), total - Fraction(len(shares), 2))
    counts = [math.floor(start * share + Fraction(1, 2)) for share in shares]
    for _ in range(total - sum(counts)):
        lowest = min(range(len(shares)), key=lambda number: ((2 * counts[number] + 1) / shares[number], number))
        counts[lowest] += 1
    return tuple(counts)


@lru_cache(maxsize=64)
def shuffled(seed: int, stage: str, pool: str, epoch: int, size: int) -> tuple[int, ...]:
    """Return the order of the numbers 0 to `size` - 1 in this epoch: the same on every machine and Python version."""
    rng = random.Random(int(digest([seed, stage, pool, epoch]), 16))
    # Of random's methods only random() promises the same numbers in later versions of Python; shuffle() does not.
    keys = [rng.random() for _ in range(size)]
    return tuple(sorted(range(size), key=keys.__getitem__))


def _pools_of(source: Source, pools: Mapping[str, Sequence[Task]]) -> list[str]:
    if source.difficulty is None:
        names = sorted(name for name in pools if name.partition(":")[0] == source.environment)
    else:
        names = [source.label] if source.label in pools else []
    if not names:
        raise ConfigError(
            f"train {source.label!r}: no training tasks of that name; there are those of "
            f"{', '.join(sorted(pools)) or 'nothing'}"
        )
    for name in names:
        if not pools[name]:
            raise ConfigError(
                f"train {source.label!r}: {name!r} has 0 training tasks, expected at least 1; choose among "
                f"{', '.join(sorted(other for other in pools if pools[other])) or '(no pool has any)'}"
            )
    return names
