"""The most memory that this process has had so far, of the machine and of its GPU."""

from __future__ import annotations

import resource
import sys

import torch


def peaks() -> tuple[int, int, str]:
    """Return the largest resident set, the most that torch held of a GPU, in bytes, and what the device is called."""
    unit = 1 if sys.platform == "darwin" else 1024
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    if torch.cuda.is_available():
        return resident, torch.cuda.max_memory_reserved(), torch.cuda.get_device_name()
    return resident, 0, "CPU"
