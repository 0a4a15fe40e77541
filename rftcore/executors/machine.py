"""What this machine has for jobs: the cores, the memory and the GPUs that this process may use.

Free of torch, which would take seconds to say it, and a piece of each GPU's memory.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
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


def memory(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the bytes that new processes can have without swapping; None where the system does not say.

    What the kernel calls available, capped by what the memory limits of this process's control groups leave: what is
    cached of files counts as free there, for it goes when it is wanted.
    """
    try:
        lines = (proc / "meminfo").read_text(encoding="ascii").splitlines()
        figures = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        available = figures["MemAvailable"]
    except (OSError, ValueError, KeyError, IndexError):
        return None
    return min([available, *_left_in_groups(proc, groups)])


def _left_in_groups(proc: Path, groups: Path) -> Iterator[int]:
    """Yield what each limit leaves: that of a group of version 2 and of those around it, or that of version 1."""
    try:
        lines = (proc / "self" / "cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    inner = groups / own
    for folder in (inner, *(parent for parent in inner.parents if parent.is_relative_to(groups))):
        yield from _left(folder, "memory.max", "memory.current")
    yield from _left(groups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")


def _left(folder: Path, limit: str, used: str, prefix: str = "") -> Iterator[int]:
    """Yield what is below the limit, and what is cached of files: read once, or often, it goes when it is wanted."""
    try:
        most, now = (int((folder / name).read_text(encoding="ascii")) for name in (limit, used))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        cached = sum(int(stat.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
        yield max(0, most - now + cached)
    except (OSError, ValueError):  # there is no such group, or it says `max`
        return


def gpu_memory(named: Sequence[str], program: str = "nvidia-smi") -> int | None:
    """Return the free bytes of that GPU which has the fewest, of those that are `named` as `gpus` does.

    None where there is none, or its driver's program does not answer.
    """
    if not named:
        return None
    asked = [program, f"--id={','.join(named)}", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout
        return min(int(line) for line in told.split("\n") if line.strip()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
