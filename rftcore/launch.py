"""Whether this process is one of several that torchrun or `accelerate launch` started, which, and what its share is.

Free of torch: a process reads this from its environment.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def count() -> int:
    """Return how many processes work together; 1 when nobody launched several."""
    launched = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()
    return int(os.environ["WORLD_SIZE"]) if launched else 1


def rank() -> int:
    """Return the number of this process, from 0. Number 0 leads: it alone writes to the run folder."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def local_rank() -> int:
    """Return the number of this process on its machine: that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0")) if count() > 1 else 0


def splits() -> bool:
    """Return whether `accelerate launch` asks for FSDP, which splits the weights over the processes."""
    return count() > 1 and os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def share(items: Sequence[Item]) -> Sequence[Item]:
    """Return what of `items` falls to this process: a contiguous part, so that all parts in order are the whole."""
    return items[len(items) * rank() // count() : len(items) * (rank() + 1) // count()]
