"""Problems are divided by what is seen of them: each once, none in both splits."""

from __future__ import annotations

import hashlib
from itertools import count

import pytest

from rftcore.errors import ConfigError
from rftcore.splits import divided


def test_a_hash_of_what_is_seen_decides_the_split() -> None:
    # One train task for each test task: half of all hashes, those that begin with 0 to 7, are for training.
    lists = divided(((n, str(n)) for n in count()), 6, 6)
    first = {split: {hashlib.sha256(str(n).encode()).hexdigest()[0] for n in found} for split, found in lists.items()}
    assert first["train"] <= set("01234567") and first["test"] <= set("89abcdef")
    assert [len(found) for found in lists.values()] == [6, 6]


def test_what_looks_alike_is_one_problem() -> None:
    lists = divided(((n, str(n // 10)) for n in count()), 4, 2)
    found = [n for numbers in lists.values() for n in numbers]
    assert len({n // 10 for n in found}) == 6 and all(n % 10 == 0 for n in found)


def test_longer_lists_begin_as_shorter_ones_of_the_same_proportion() -> None:
    supply = [(n, str(n)) for n in range(2000)]
    short, long = divided(supply, 10, 5), divided(supply, 20, 10)
    assert long["train"][:10] == short["train"] and long["test"][:5] == short["test"]


def test_too_few_problems_are_an_error_that_counts_them() -> None:
    with pytest.raises(ConfigError, match=r"found 3 different problems among 120, .* expected train=4 and test=2"):
        divided(((n, str(n % 3)) for n in count()), 4, 2)
