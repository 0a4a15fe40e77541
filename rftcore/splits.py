"""Divides an endless supply of problems into train and test tasks, for environments with a generator and no splits.

Two seeds may be one problem. So problems are told apart by what an agent sees of them, each is taken once, and a hash
of what is seen decides the split: none is in both, in whatever order they come, and in every difficulty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

from rftcore.errors import ConfigError
from rftcore.schemas.task import Split

Problem = TypeVar("Problem")

TRIES = 20
"""Problems that are looked at for each wanted one."""


def divided(supply: Iterable[tuple[Problem, str]], train: int, test: int) -> dict[Split, list[Problem]]:
    """Return the first `train` and `test` problems of `supply`, which has each with what an agent sees of it.

    Lists of other sizes in the same proportion are the beginning of longer ones. Raises ConfigError when `TRIES` times
    as many problems do not have enough different ones.
    """
    lists: dict[Split, list[Problem]] = {"train": [], "test": []}
    sizes: dict[Split, int] = {"train": train, "test": test}
    seen: set[bytes] = set()
    for problem, text in islice(supply, TRIES * (train + test)):
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        split: Split = "train" if int.from_bytes(key) * (train + test) < train << 256 else "test"
        if key not in seen and len(lists[split]) < sizes[split]:
            lists[split].append(problem)
        seen.add(key)
        if all(len(lists[name]) == size for name, size in sizes.items()):
            return lists
    raise ConfigError(
        f"found {len(seen)} different problems among {TRIES * (train + test)}, {len(lists['train'])} of them for train "
        f"and {len(lists['test'])} for test, expected train={train} and test={test}; ask for fewer"
    )
