"""One full GRPO update, rollout and learning, against TRL's `GRPOTrainer` on the same work.

Both sides play 4 prompts x 8 conversations of 8 turns, credit them within their groups, take one optimizer step with
DAPO's loss, and leave the sampler with the new weights. TRL's step is timed inside `train()`, from one callback to the
next, and our update runs between its steps: repeats are interleaved. The ratio is the median over the repeats of CPU
time (one thread each side), which other programs on the machine disturb less than they do wall time. The last line
printed is one JSON object.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import TrainerCallback
from workload.conversations import (
    CONVERSATIONS,
    OBSERVED,
    SAMPLED,
    TURNS,
    Ours,
    context_lengths,
    model,
    require_equal_work,
)
from workload.peers import quiet, trl_trainer

from rftcore.schemas.config import LearnerConfig
from rftcore.train.learner import Learner
from rftcore.train.rows import Row, build_rows
from rftcore_grpo.algorithm import GRPO
from rftcore_grpo.loss import grpo_loss

REPEATS = 5
LEARNING_RATE = 1e-4
LENGTH = TURNS * (OBSERVED + SAMPLED)


class Update:
    """Our side: collect, credit, learn, hand over the weights."""

    def __init__(self) -> None:
        self.ours = Ours()
        self.algorithm = GRPO(dynamic_sampling=False)
        self.learner = Learner(
            self.ours.model,
            LearnerConfig(learning_rate=LEARNING_RATE),
            loss=grpo_loss,
            loss_config=self.algorithm.config,
        )
        self.rows: list[Row] = []

    def __call__(self, repeat: int) -> dict[str, float]:
        """Make one update; return its CPU seconds, whole and by part."""
        wall, start = time.perf_counter(), time.process_time()
        groups = self.ours.groups(repeat)
        played = time.process_time()
        credits = self.algorithm.credit(groups)
        self.rows = [
            row
            for group, earned in zip(groups, credits, strict=True)
            for trajectory, credit in zip(group.usable, earned, strict=True)
            if credit is not None
            for row in build_rows(trajectory, credit)[0]
        ]
        begin = time.process_time()
        self.learner.step(self.rows)
        learned = time.process_time()
        self.ours.sampler.sync(self.learner.model, repeat)
        end = time.process_time()
        require_equal_work(context_lengths(groups))
        require_equal_work([len(row.ids) for row in self.rows])
        return {
            "cpu": end - start,
            "wall": time.perf_counter() - wall,
            "rollout": played - start,
            "learner": learned - begin,
        }


class Alternate(TrainerCallback):  # type: ignore[misc]
    """Times each step of TRL and runs our update, and the measure of the machine, after it."""

    def __init__(self, update: Update) -> None:
        self._update = update
        self.ours: list[dict[str, float]] = []
        self.theirs: list[dict[str, float]] = []
        self.peaks: list[float] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._begin = time.process_time(), time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        cpu, wall = self._begin
        self.theirs.append({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall})
        self.ours.append(self._update(state.global_step))
        self.peaks.append(peak())


def peak() -> float:
    """Return the floating point operations a CPU second of single precision matrix products of 1024 x 1024."""
    left, right, rounds = torch.randn(1024, 1024), torch.randn(1024, 1024), 6
    out = left @ right
    begin = time.process_time()
    for _ in range(rounds):
        torch.mm(left, right, out=out)
    return rounds * 2 * 1024**3 / (time.process_time() - begin)


def model_flops(network: Any) -> float:
    """Return the operations of one learning pass, 6 a parameter and token, and those of causal attention.

    Counted as if each row were computed alone and whole; what the learner spares does not lower it.
    """
    config = network.config
    parameters = sum(parameter.numel() for parameter in network.parameters())
    attention = 6 * config.num_hidden_layers * config.hidden_size * LENGTH
    return float(CONVERSATIONS * LENGTH * (6 * parameters + attention))


def main() -> None:
    """Train both sides, alternating, and print the result."""
    quiet()
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        update = Update()
        peer = model(len(update.ours.tokenizer))
        trainer = trl_trainer(update.ours, peer, folder, steps=REPEATS + 1, learning_rate=LEARNING_RATE)
        watch = Alternate(update)
        trainer.add_callback(watch)
        trainer.train()
        with FlopCounterMode(display=False) as counter:
            update.learner.step(update.rows)
    # The first of each pays for what later ones find ready.
    own, theirs = watch.ours[1:], watch.theirs[1:]
    ratios = [peer["cpu"] / mine["cpu"] for mine, peer in zip(own, theirs, strict=True)]
    highest = max(watch.peaks)  # What the machine can do when nobody else is using it.

    def middle(taken: list[dict[str, float]], name: str) -> float:
        return median(seconds[name] for seconds in taken)

    learning = middle(own, "learner")
    line = {
        "benchmark": "update",
        "ratios": {"trl": round(median(ratios), 2)},
        "detail": {
            "time": "CPU",
            "threads": torch.get_num_threads(),
            "repeats": REPEATS,
            "cpu_seconds": {"ours": round(middle(own, "cpu"), 3), "trl": round(middle(theirs, "cpu"), 3)},
            "wall_seconds": {"ours": round(middle(own, "wall"), 3), "trl": round(middle(theirs, "wall"), 3)},
            "rollout_cpu_seconds": round(middle(own, "rollout"), 3),
            "learner_cpu_seconds": round(learning, 3),
            "learner_tokens_per_second": round(CONVERSATIONS * LENGTH / learning),
            "sgemm_peak_gflops": round(highest / 1e9, 1),
            "learner_peak_fraction": round(model_flops(peer) / learning / highest, 3),
            "learner_matmul_peak_fraction": round(counter.get_total_flops() / learning / highest, 3),
            "lowest_ratio": round(min(ratios), 2),
            "highest_ratio": round(max(ratios), 2),
        },
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
