"""Episodes per second of our rollout against two that send the whole history through the model again at every turn.

The same environment, model and tasks on all sides: 32 conversations of 8 turns, 32 observation and 4 sampled tokens a
turn. `hf_generate` drives Hugging Face's `generate` by hand; `trl` is the `rollout_func` of a `GRPOTrainer`, timed as
the trainer calls it, without what the trainer does around it. Repeats are interleaved; a ratio is the median over the
repeats of CPU time (one thread each side), which other programs on the machine disturb less than they do wall time.
The last line printed is one JSON object.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from workload.conversations import CONVERSATIONS, SAMPLES, Endless, Ours, context_lengths, model, require_equal_work
from workload.peers import hf_generate, quiet, replay_history, trl_trainer

REPEATS = 5

Seconds = tuple[float, float]
"""CPU time and wall time."""


def timed(play: Callable[[int], list[int]], repeat: int) -> Seconds:
    """Play one repeat and check that it was the work agreed on; `play` returns the lengths of its conversations."""
    cpu, wall = time.process_time(), time.perf_counter()
    lengths = play(repeat)
    seconds = time.process_time() - cpu, time.perf_counter() - wall
    require_equal_work(lengths)
    return seconds


def players(folder: str) -> dict[str, Callable[[int], list[int]]]:
    """Return our rollout, under `ours`, and the peers'."""
    ours = Ours()
    peer = model(len(ours.tokenizer)).eval()
    trainer = trl_trainer(ours, model(len(ours.tokenizer)), folder, steps=1, learning_rate=1e-4)
    encoder = Endless(ours.tokenizer)

    def own(repeat: int) -> list[int]:
        return context_lengths(ours.groups(repeat))

    def by_generate(repeat: int) -> list[int]:
        tasks = [task for task in ours.picked(repeat) for _ in range(SAMPLES)]
        return peer_lengths(replay_history(hf_generate(peer), encoder, ours.environment, tasks))

    def by_trl(repeat: int) -> list[int]:
        prompts = [
            [{"role": "user", "content": str(task.seed)}] for task in ours.picked(repeat) for _ in range(SAMPLES)
        ]
        return peer_lengths(trainer.rollout_func(prompts, trainer))

    return {"ours": own, "hf_generate": by_generate, "trl": by_trl}


def peer_lengths(played: dict[str, Any]) -> list[int]:
    """Return the tokens of each conversation of a peer."""
    return [len(p) + len(c) for p, c in zip(played["prompt_ids"], played["completion_ids"], strict=True)]


def main() -> None:
    """Run every side, alternating, and print the result."""
    quiet()
    torch.manual_seed(0)
    taken: dict[str, list[Seconds]] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        sides = players(folder)
        for play in sides.values():  # The first call of each pays for what later ones find ready.
            play(0)
        for repeat in range(1, REPEATS + 1):
            for name, play in sides.items():
                taken.setdefault(name, []).append(timed(play, repeat))
    own = taken["ours"]
    ratios = {
        name: [peer[0] / mine[0] for mine, peer in zip(own, taken[name], strict=True)]
        for name in sides
        if name != "ours"
    }
    line = {
        "benchmark": "rollout",
        "ratios": {name: round(median(values), 2) for name, values in ratios.items()},
        "detail": {
            "time": "CPU",
            "threads": torch.get_num_threads(),
            "repeats": REPEATS,
            "conversations": CONVERSATIONS,
            "episodes_per_second": {
                name: round(CONVERSATIONS / median(cpu for cpu, _ in seconds), 1) for name, seconds in taken.items()
            },
            "cpu_seconds": {name: round(median(cpu for cpu, _ in seconds), 3) for name, seconds in taken.items()},
            "wall_seconds": {name: round(median(wall for _, wall in seconds), 3) for name, seconds in taken.items()},
            "lowest_ratio": {name: round(min(values), 2) for name, values in ratios.items()},
            "highest_ratio": {name: round(max(values), 2) for name, values in ratios.items()},
        },
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
