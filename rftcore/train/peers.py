"""The processes of one launch as they talk: values to all, values from the first, sums.

Alone, each operation is the identity. They connect when they are first needed, over gloo (and NCCL where there is
CUDA), before accelerate would; it takes up the connection that it finds.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from rftcore import launch

PATIENCE = timedelta(days=7)
"""How long one waits for the others: the first may be evaluating a policy, or writing a report."""


class Peers:
    """This process and the others of its launch. Every one of them makes the same calls in the same order."""

    def __init__(self) -> None:
        self.count = launch.count()
        if self.count > 1 and not dist.is_initialized():
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            dist.init_process_group(backend, timeout=PATIENCE)

    def gather(self, value: Any) -> list[Any]:
        """Return every process's value, in the order of their ranks."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, value)
        return found

    def hear(self, value: Any = None) -> Any:
        """Return the value that the first process called this with."""
        told = [value]
        if self.count > 1:
            dist.broadcast_object_list(told, src=0)
        return told[0]
