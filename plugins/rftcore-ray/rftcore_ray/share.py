"""What a job holds of a cluster while it runs, counted here so that jobs wait in their order and not in Ray.

An actor that Ray has no place for would wait behind the idle ones of its own run, and they for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import ray

from rftcore.executor import Job


class Share(NamedTuple):
    """Cores, and GPUs or parts of one."""

    cpus: int
    gpus: float


def machines() -> list[Share]:
    """Return what each machine of the cluster has in all."""
    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Share(int(machine.get("CPU", 0)), machine.get("GPU", 0.0)) for machine in found]


def share(job: Job, cores: int, per_gpu: int, machines: Sequence[Share]) -> Share:
    """Return what a job needs, as far as it is among our `cores` and one machine has it; `per_gpu` jobs share a GPU."""
    wanted = min(job.gpus / per_gpu, max((machine.gpus for machine in machines), default=0.0))
    fit = [machine.cpus for machine in machines if machine.gpus >= wanted]
    return Share(min(job.cpus, cores, max(fit, default=0)), wanted)


def free(total: Share, held: Iterable[Share]) -> Share:
    """Return what is left of `total`; parts of GPUs are rounded to what Ray tells apart."""
    taken = list(held)
    return Share(total.cpus - sum(each.cpus for each in taken), round(total.gpus - sum(each.gpus for each in taken), 4))
