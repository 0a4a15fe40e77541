"""Which weights a replica has: those of this run in their order, none after a restart, or those of another run."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contract_engine import Engine

from rftcore.errors import RunError
from rftcore.sampler import Request, SamplerFailure
from rftcore.schemas.config import LoRA
from rftcore.train.adapters import with_adapters
from rftcore.train.checkpoint import load_model
from rftcore_vllm import replicas
from rftcore_vllm.sampler import VllmServerSampler


def ask(number: int = 0, tokens: int = 4) -> Request:
    return Request(number, 0, (5, 6, 7), random.Random(number), 1.0, tokens, frozenset())


def sample(sampler: VllmServerSampler, request: Request) -> Any:
    return asyncio.run(sampler.sample(request))


def test_a_server_that_comes_back_gets_the_present_weights_before_the_first_question(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    old, new = build(), build(1)
    server = serve(old)
    sampler = connect(old, server)
    server.kill()
    began = threading.Timer(0.5, server.start)
    began.start()
    sampler.sync(new, 5)
    assert sample(sampler, ask()).version == 5
    server.kill()
    server.engines["policy"].decoder.load(old)
    server.tag = "default"
    server.start()
    again = sample(sampler, ask(1))
    assert again.version == 5
    assert server.tag != "default"
    paths = [path for path, _ in server.calls]
    assert paths.count("/collective_rpc") == 6  # three loads, each with its refresh of the head


def test_a_head_that_kept_the_old_weights_stops_the_run(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    server = serve(model, stale_head=True)
    sampler = connect(model, server)  # the extension of the worker mends it
    sampler.sync(build(1), 1)
    server.extended = False
    with pytest.raises(RunError, match=r"logprobs of .* and of the learner differ by .*rftcore_vllm.worker.Extension"):
        sampler.sync(build(2), 2)


@pytest.mark.parametrize("generates", [True, False])
def test_weights_of_another_run_stop_this_one(
    generates: bool,
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
) -> None:
    model = build()
    server = serve(model, generates=generates)
    mine, other = connect(model, server), connect(build(1), server)
    assert sample(other, ask()).version == 0
    with pytest.raises(RunError, match="which this run did not load"):
        sample(mine, ask())


@pytest.mark.parametrize("generates", [True, False])
def test_a_server_that_was_started_anew_between_two_questions_gets_the_present_weights(
    generates: bool,
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
) -> None:
    model = build()
    server = serve(build(1), generates=generates)
    sampler = connect(model, server)
    _start_anew(server, build(1))
    alike = connect(model, serve(model, generates=generates))
    again, expected = (sample(one, ask(tokens=12)) for one in (sampler, alike))
    assert again.version == 0
    assert again.token_ids == expected.token_ids
    assert again.logprobs == pytest.approx(expected.logprobs, abs=1e-4)


def test_an_answer_tells_the_weights_that_made_it_while_they_are_still_compared(
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampler = connect(build(), serve(build(), generates=False))
    loaded, go = threading.Event(), threading.Event()
    compare = replicas.Replicas._compare

    async def held(self: Any, replica: Any, model: Any) -> None:
        loaded.set()
        await asyncio.to_thread(go.wait)
        await compare(self, replica, model)

    monkeypatch.setattr(replicas.Replicas, "_compare", held)
    sync = threading.Thread(target=sampler.sync, args=(build(1), 7))
    sync.start()
    loaded.wait()
    version = sample(sampler, ask()).version
    go.set()
    sync.join()
    assert version == 7


def _start_anew(server: Any, model: Any) -> None:
    server.kill()
    server.base, server.engines, server.tag = model, {"policy": Engine(model)}, "default"
    server.start()


def test_adapters_are_loaded_again_into_a_server_that_was_started_anew(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    build(3).save_pretrained(tmp_path / "under")
    model = with_adapters(load_model(tmp_path / "under"), LoRA(rank=8, alpha=16.0)).eval()
    server = serve(build())
    sampler = connect(model, server)
    before = sample(sampler, ask(tokens=12))
    _start_anew(server, build())
    after = sample(sampler, ask(tokens=12))
    assert (after.version, after.token_ids) == (0, before.token_ids)
    _start_anew(server, build())
    sampler.sync(model, 1)
    again = sample(sampler, ask(tokens=12))
    assert (again.version, again.token_ids) == (1, before.token_ids)
    assert sampler.gap < 1e-4


def test_an_old_server_does_not_tell_versions_and_an_answer_across_a_sync_fails(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    server = serve(model, generates=False)
    sampler = connect(model, server)
    assert sample(sampler, ask()).version == 0
    server.waits = True  # so that it samples until the new weights are there
    failures: list[Exception] = []

    def long() -> None:
        try:
            sample(sampler, ask(1, tokens=500))
        except SamplerFailure as failure:
            failures.append(failure)

    rollout = threading.Thread(target=long)
    rollout.start()
    while not server.engines["policy"].running:
        time.sleep(0.005)
    sampler.sync(build(1), 1)
    rollout.join()
    (failure,) = failures
    assert "new weights came while this server sampled" in str(failure)
