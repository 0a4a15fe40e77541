"""What only servers that a run starts can show; `make test-vllm` runs this, and needs vLLM.

The name is not one that pytest collects by itself: in an environment without vLLM there is nothing to be tested here.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from rftcore import Experiment
from rftcore.errors import RunError
from rftcore.sampler import Completion, Request
from rftcore_textcraft.environment import TextCraft
from rftcore_vllm.command import arguments
from rftcore_vllm.sampler import VllmServerSampler
from rftcore_vllm.server import Server
from rftcore_vllm.servers import stop_all

SECONDS = 1800.0
"""A server on busy cores may take long to start."""


def group(server: Server) -> int:
    """Return the process group of `vllm serve` behind its guard."""
    assert server._process is not None
    guard = server._process.pid
    return int(Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0])


def ask(number: int, tokens: int = 40) -> Request:
    return Request(number, 0, (5, 6, 7, 8), random.Random(number), 1.0, tokens, frozenset())


def answers(sampler: VllmServerSampler, count: int) -> list[Completion]:
    async def together() -> list[Completion]:
        return await asyncio.gather(*(sampler.sample(ask(number)) for number in range(count)))

    return asyncio.run(together())


def test_a_port_that_is_taken_is_told_in_the_words_of_the_server(build: Callable[..., Any], tmp_path: Path) -> None:
    model = build()
    model.save_pretrained(tmp_path / "model")
    server = Server(arguments(model, max_context=512), on_cpu=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        server.start(tmp_path / "model")
        end = time.monotonic() + SECONDS
        while server.alive and time.monotonic() < end:
            time.sleep(0.5)
        with pytest.raises(RunError, match=r"(?s)ended with code .*[Aa]ddress already in use"):
            server.check()
    server.stop()


def test_grpo_on_a_server_of_its_own_learns(tmp_path: Path) -> None:
    # The same twelve tasks at every update: over others, what is drawn moves the curve as much as what is learned.
    # With the sampler `hf` success rises by 0.21, 0.24, 0.19 and 0.27 over seeds 0 to 3.
    twelve = [task.id for task in TextCraft().tasks("train", "easy")[:12]]
    (tmp_path / "twelve.jsonl").write_text("".join(f"{json.dumps(task)}\n" for task in twelve))
    report = Experiment(
        name="learned",
        train="textcraft:easy",
        tasks={"textcraft": str(tmp_path / "twelve.jsonl")},
        sampler={"name": "vllm-server", "max_context": 512, "start_timeout": SECONDS},
        environments={"textcraft": {"max_turns": 6, "distractors": 1}},
        algorithm={"name": "grpo", "aggregation": "sequence"},
        training={"updates": 20, "groups": 12, "samples": 8, "checkpoint_every": 20},
        learner={"learning_rate": 3e-4, "minibatches": 2},
        sampling={"max_new_tokens": 24},
        evaluation={"tasks": 2, "samples": 1},
        references=[],
    ).run(tmp_path / "runs")
    curve = report.stages[0].curve
    assert [update["masked"] for update in curve] == [0] * 20
    assert [update["drift"] for update in curve] == [0] * 20
    assert max(update["sampler_gap"] for update in curve) < 1e-3
    successes = [float(update["success"]) for update in curve]
    assert fmean(successes[-5:]) > fmean(successes[:5]) + 0.1, successes


def test_a_server_that_hangs_is_a_timeout_and_one_that_dies_is_started_again_with_the_present_weights(
    build: Callable[..., Any],
) -> None:
    stop_all()
    old, new = build(), build(1)
    sampler = VllmServerSampler(model=old, max_context=512, start_timeout=SECONDS, timeout=60.0)
    sampler.sync(new, 3)
    before = answers(sampler, 8)
    (server,) = list(sampler._answering._servers.values())

    os.killpg(group(server), signal.SIGSTOP)
    with pytest.raises(TimeoutError, match="did not answer within 60 s"):
        answers(sampler, 1)
    os.killpg(group(server), signal.SIGCONT)
    assert [answer.token_ids for answer in answers(sampler, 8)] == [answer.token_ids for answer in before]

    found: list[Completion] = []
    sampler.config = sampler.config.model_copy(update={"timeout": SECONDS})
    sampler._answering._config = sampler.config
    rollout = threading.Thread(target=lambda: found.extend(answers(sampler, 64)))
    rollout.start()
    while not sampler.busy:
        time.sleep(0.01)
    os.killpg(group(server), signal.SIGKILL)
    rollout.join()
    assert len(found) == 64
    assert {answer.version for answer in found} == {3}
    assert [answer.token_ids for answer in found[:8]] == [answer.token_ids for answer in before]
    asyncio.run(sampler.close())
    stop_all()
    assert not server.alive
