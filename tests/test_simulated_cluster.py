"""The simulation of a cluster, held to numbers worked out by hand."""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
cluster = importlib.import_module("workload.cluster")

MODEL = cluster.Model(parameters=100.0, cache_bytes=10.0)  # 200 bytes of weights
GPU = cluster.Machine(
    flops=2000.0,
    bandwidth=400.0,
    used_flops=0.5,
    used_bandwidth=0.5,
    near=100.0,
    far=10.0,
    node=8,
    disk=1.0,
    turn=0.0,
)


def test_a_step_reads_weights_and_caches_and_a_prefill_computes_or_reads_the_weights() -> None:
    assert cluster.decode_seconds(MODEL, GPU, 0) == 1.0  # 200 bytes at 200 a second
    assert cluster.decode_seconds(MODEL, GPU, 20) == 2.0
    assert cluster.prefill_seconds(MODEL, GPU, 10) == 2.0  # 2000 operations at 1000 a second
    assert cluster.prefill_seconds(MODEL, GPU, 1) == 1.0  # the weights are read, whatever there is to compute


def test_one_episode_takes_its_prefills_and_its_steps_with_a_growing_context() -> None:
    free = cluster.Model(parameters=100.0, cache_bytes=0.0)
    assert cluster.rollout(free, GPU, [[cluster.Turn(10, 3), cluster.Turn(5, 2)]], 4) == pytest.approx(2 + 3 + 1 + 2)
    # With caches: the context is 10 when three tokens begin, and 10 + 3 + 5 when two more do.
    assert cluster.rollout(MODEL, GPU, [[cluster.Turn(10, 3), cluster.Turn(5, 2)]], 4) == pytest.approx(
        2 + 3 * 1.5 + 1 + 2 * 1.9
    )


def test_answers_share_steps_and_the_next_episode_takes_a_free_slot() -> None:
    free = cluster.Model(parameters=100.0, cache_bytes=0.0)
    long, short = [cluster.Turn(1, 9)], [cluster.Turn(1, 3)]
    assert cluster.rollout(free, GPU, [long, short], 2) == pytest.approx(2 + 9)
    assert cluster.rollout(free, GPU, [short, short], 1) == pytest.approx(2 * (1 + 3))
    assert cluster.rollout(free, GPU, [long, short, short], 2) == pytest.approx(3 + 9)  # the third reads at step 3
    assert cluster.spread(free, GPU, [long, short, long, short], 2, 1) == pytest.approx(2 * (1 + 9))
    assert cluster.spread(free, GPU, [long], 64, 1) == pytest.approx(1 + 9)


def test_an_episode_waits_for_its_environment_and_others_go_on() -> None:
    free = cluster.Model(parameters=100.0, cache_bytes=0.0)
    slow = cluster.Machine(**{**GPU.__dict__, "turn": 4.0})
    assert cluster.rollout(free, slow, [[cluster.Turn(1, 2), cluster.Turn(1, 2)]], 1) == pytest.approx(
        1 + 2 + 4 + 1 + 2
    )
    # The other one answers meanwhile, and waits for the prefill of the second turn.
    assert cluster.rollout(
        free, slow, [[cluster.Turn(1, 2), cluster.Turn(1, 2)], [cluster.Turn(1, 12)]], 2
    ) == pytest.approx(2 + 12 + 1)


def test_learning_divides_its_arithmetic_and_not_its_exchange() -> None:
    assert cluster.learn_seconds(MODEL, GPU, tokens=50, passes=4, gpus=1) == pytest.approx(40.0)
    assert cluster.learn_seconds(MODEL, GPU, tokens=50, passes=4, gpus=4) == pytest.approx(10.0 + 3 * 200 * 3 / 4 / 100)
    assert cluster.learn_seconds(MODEL, GPU, tokens=50, passes=4, gpus=16) == pytest.approx(
        2.5 + 3 * 200 * 15 / 16 / 10
    )
    assert cluster.sync_seconds(MODEL, GPU, 8) == pytest.approx(2.0)
    assert cluster.sync_seconds(MODEL, GPU, 16) == pytest.approx(20.0)


def test_jobs_begin_when_what_they_need_is_done_and_the_longest_way_goes_first() -> None:
    jobs = {"a": cluster.Work(1), "b": cluster.Work(2), "c": cluster.Work(4, "b"), "d": cluster.Work(3)}
    assert cluster.schedule(jobs, 1) == (10, 1.0)
    assert cluster.schedule(jobs, 2) == (6, 10 / 12)  # b, c beside d, a
    assert cluster.schedule(jobs, 64) == (6, 10 / (6 * 64))


def test_the_page_and_its_plots_are_what_the_inputs_give(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["simulate_cluster.py", "--check"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(BENCHMARKS / "simulate_cluster.py"), run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("| model | GPUs |")
