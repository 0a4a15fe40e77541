"""What this machine has for jobs: the cores and the GPUs that this process may use.

Free of torch, which would take seconds to say it, and a piece of each GPU's memory.
"""

from __future__ import annotations

import math
import os
import re
from itertools import takewhile
from pathlib import Path

GPUS = "CUDA_VISIBLE_DEVICES"
"""The environment variable by which a process sees some GPUs only, as its numbers from 0."""


def cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return the cores that this process may use, at least 1: its affinity, capped by its container's CPU quota.

    `quota` is the control group's file, `<microseconds> <period>` or `max <period>`; it need not exist.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text(encoding="ascii").split()
        return count if share == "max" else max(1, min(count, math.ceil(int(share) / int(period))))
    except (OSError, ValueError):
        return count


def gpus(devices: Path = Path("/dev")) -> tuple[str, ...]:
    """Return the NVIDIA GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them.

    Without that variable they are counted by the driver's files `nvidia0`, `nvidia1`, ... in `devices`.
    """
    named = os.environ.get(GPUS)
    if named is not None:  # CUDA itself stops at the first that there is not
        return tuple(takewhile(lambda name: name not in ("", "-1"), map(str.strip, named.split(","))))
    count = sum(re.fullmatch(r"nvidia\d+", file.name) is not None for file in devices.iterdir())
    return tuple(map(str, range(count)))
