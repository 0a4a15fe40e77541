"""Episodes per second over vLLM, in process and behind HTTP, against core's own sampler: the same rollout over each.

32 conversations of 8 turns, 32 observation and 4 sampled tokens a turn, and the same weights on all sides; each keeps
what it computed of a context across turns (`hf` in slots, vLLM in its prefix cache, whose blocks have 128 tokens on a
CPU). Repeats are interleaved; a ratio is the median over the repeats of vLLM's time over that of `hf`. On a CPU that is
CPU time, of vLLM's own processes, too (one thread each); with a GPU it is wall time. The last line printed is one JSON
object. Needs vLLM: `sh scripts/vllm.sh benchmarks/samplers.py`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import psutil
import torch
from workload.conversations import CONTEXT, CONVERSATIONS, Ours, context_lengths, hf_sampler, require_equal_work

from rftcore.sampler import Sampler

REPEATS = 5
START = 1800.0
"""Seconds that a server may take to start: on busy cores it takes minutes."""

Seconds = tuple[float, float]
"""CPU time and wall time."""


def vllm_sampler(model: Any) -> Sampler:
    """Return vLLM's engine in this process, which does its work in a child."""
    from rftcore_vllm.inprocess import VllmSampler

    return VllmSampler(model=model, max_context=CONTEXT, lanes=CONVERSATIONS, arguments=_share_of_a_gpu(model))


def vllm_server_sampler(model: Any) -> Sampler:
    """Return a sampler on a `vllm serve` of its own."""
    from rftcore_vllm.sampler import VllmServerSampler

    chosen = tuple(f"--{key.replace('_', '-')}={value}" for key, value in _share_of_a_gpu(model).items())
    return VllmServerSampler(
        model=model, max_context=CONTEXT, lanes=CONVERSATIONS, start_timeout=START, arguments=chosen
    )


def _share_of_a_gpu(model: Any) -> dict[str, float]:
    """Return what lets two engines and the learner share one GPU."""
    return {} if next(model.parameters()).device.type == "cpu" else {"gpu_memory_utilization": 0.3}


SIDES: dict[str, Callable[[Any], Sampler]] = {
    "hf": hf_sampler,
    "vllm": vllm_sampler,
    "vllm_server": vllm_server_sampler,
}


def cpu_seconds(*, children: bool) -> float:
    """Return the CPU time of this process so far and, with `children`, of all that it started and that still run."""
    total = time.process_time()
    for process in psutil.Process().children(recursive=True) if children else ():
        times = process.cpu_times()
        total += times.user + times.system
    return total


def timed(name: str, ours: Ours, repeat: int) -> Seconds:
    """Play one repeat over one sampler and check that it was the work agreed on."""
    children = name != "hf"
    cpu, wall = cpu_seconds(children=children), time.perf_counter()
    groups = ours.groups(repeat)
    seconds = cpu_seconds(children=children) - cpu, time.perf_counter() - wall
    require_equal_work(context_lengths(groups))
    return seconds


def measured(device: str) -> dict[str, list[Seconds]]:
    """Return what every side took, repeat by repeat."""
    sides: dict[str, Ours] = {}
    taken: dict[str, list[Seconds]] = {name: [] for name in SIDES}
    try:
        for name, make in SIDES.items():
            sides[name] = Ours(make, device)
            sides[name].groups(0)  # The first call of each pays for what later ones find ready.
        for repeat in range(1, REPEATS + 1):
            for name, ours in sides.items():
                taken[name].append(timed(name, ours, repeat))
    finally:
        for ours in sides.values():
            asyncio.run(ours.sampler.close())
    return taken


def result(taken: dict[str, list[Seconds]], device: str) -> dict[str, Any]:
    """Return the line that is printed."""
    kind = 0 if device == "cpu" else 1
    ratios = {
        name: [other[kind] / own[kind] for own, other in zip(taken["hf"], seconds, strict=True)]
        for name, seconds in taken.items()
        if name != "hf"
    }
    return {
        "benchmark": "samplers",
        "ratios": {name: round(median(values), 2) for name, values in ratios.items()},
        "detail": {
            "time": ("CPU", "wall")[kind],
            "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
            "threads": torch.get_num_threads(),
            "repeats": REPEATS,
            "conversations": CONVERSATIONS,
            "episodes_per_second": {
                name: round(CONVERSATIONS / median(each[kind] for each in seconds), 1)
                for name, seconds in taken.items()
            },
            "cpu_seconds": {name: round(median(cpu for cpu, _ in seconds), 3) for name, seconds in taken.items()},
            "wall_seconds": {name: round(median(wall for _, wall in seconds), 3) for name, seconds in taken.items()},
            "lowest_ratio": {name: round(min(values), 2) for name, values in ratios.items()},
            "highest_ratio": {name: round(max(values), 2) for name, values in ratios.items()},
        },
    }


def main() -> None:
    """Run every side, alternating, and print the result; without vLLM say how to get it."""
    if find_spec("vllm") is None:
        advice = "not measured, because vLLM is not installed here: sh scripts/vllm.sh benchmarks/samplers.py"
        sys.stdout.write(json.dumps({"benchmark": "samplers", "ratios": {}, "detail": {"missing": advice}}) + "\n")
        return
    logging.disable(logging.WARNING)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    sys.stdout.write(json.dumps(result(measured(device), device)) + "\n")


if __name__ == "__main__":
    main()
