"""What rftcore relies on, over HTTP: of the contract server here, of a real `vllm serve` in `make test-vllm`."""

from __future__ import annotations

import asyncio
import os
import random
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import learner
import pytest
from across import answers_across, gaps

from rftcore.errors import ConfigError, RunError
from rftcore.sampler import Completion, ContextFull, Request
from rftcore.schemas.config import LoRA
from rftcore.train.adapters import with_adapters
from rftcore.train.checkpoint import load_model
from rftcore.train.sampler import checksum
from rftcore_vllm.command import arguments
from rftcore_vllm.key import API_KEY
from rftcore_vllm.protocol import COMPLETIONS, GENERATE, Question, body
from rftcore_vllm.replica import Replica
from rftcore_vllm.sampler import VllmServerSampler
from rftcore_vllm.server import Server
from rftcore_vllm.transfer import Control, Transfer

REAL = bool(os.environ.get("RFTCORE_VLLM_REAL"))
PATIENCE = 1800.0 if REAL else 120.0
"""Seconds that an answer may take: a real server has whatever other programs leave it of the machine."""
CLOSE = 1e-4
PROMPT = [5, 9, 13, 40, 2, 33, 21, 8]


@pytest.fixture(scope="module")
def real_url(build: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server for all tests of this file; it takes adapters."""
    folder = tmp_path_factory.mktemp("start") / "model"
    model = build()
    model.save_pretrained(folder)
    chosen = arguments(model, max_context=512)
    server = Server([*chosen, "--enable-lora", "--max-lora-rank=8"], on_cpu=True)
    server.start(folder)
    yield server.url
    server.stop()


@pytest.fixture
def url(request: pytest.FixtureRequest, build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> str:
    if REAL:  # whose key is in the environment since it was started
        return str(request.getfixturevalue("real_url"))
    monkeypatch.setenv(API_KEY, "the key of this test")
    return str(request.getfixturevalue("serve")(build(), key="the key of this test").url)


@pytest.fixture
def connect(url: str) -> Iterator[Callable[..., VllmServerSampler]]:
    """`connect(model)` returns a sampler on the server."""
    made: list[VllmServerSampler] = []

    def make(model: Any, **options: Any) -> VllmServerSampler:
        made.append(VllmServerSampler(urls=(url,), model=model, timeout=PATIENCE, **options))
        return made[-1]

    yield make
    for sampler in made:
        asyncio.run(sampler.close())


def ask(number: int, ids: list[int], *, keep: int = 0, seed: int = 0, **options: Any) -> Request:
    chosen = {"temperature": 1.0, "max_new_tokens": 12, "stop_ids": frozenset(), **options}
    return Request(conversation=number, keep=keep, ids=tuple(ids), rng=random.Random(f"{seed}/{number}"), **chosen)


def answers(sampler: VllmServerSampler, *requests: Request) -> list[Completion]:
    async def together() -> list[Completion]:
        return await asyncio.gather(*(sampler.sample(request) for request in requests))

    return asyncio.run(together())


@pytest.mark.parametrize("temperature", [1.0, 0.7, 0.0])
def test_logprobs_are_those_of_the_learner_at_the_temperature(
    temperature: float, build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    sampler = connect(model)
    found = answers(sampler, *(ask(number, PROMPT, temperature=temperature) for number in range(8)))
    for completion in found:
        assert len(completion.token_ids) == len(completion.logprobs) == 12
        assert completion.logprobs == pytest.approx(learner.logprobs(model, PROMPT, completion, temperature), abs=CLOSE)
        assert completion.checksum == checksum([*PROMPT, *completion.token_ids])
        assert (completion.version, completion.versions) == (0, ())
    if temperature:
        assert len({completion.token_ids for completion in found}) > 1
    else:
        assert len({completion.token_ids for completion in found}) == 1
    assert sampler.gap < CLOSE


def test_the_same_stream_gives_the_same_tokens_whatever_else_is_asked(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    sampler = connect(build())
    alone = answers(sampler, ask(3, PROMPT))[0]
    beside = answers(sampler, *(ask(number, PROMPT[number % 3 :]) for number in range(3, 24, 3)))
    assert alone.token_ids == beside[0].token_ids
    assert alone.logprobs == pytest.approx(beside[0].logprobs, abs=CLOSE)


def test_a_stop_token_ends_the_answer_and_belongs_to_it(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    sampler = connect(build())
    free = answers(sampler, ask(0, PROMPT, max_new_tokens=20))[0]
    stop = free.token_ids[4]
    stopped = answers(sampler, ask(0, PROMPT, max_new_tokens=20, stop_ids=frozenset({stop, 63})))[0]
    assert stopped.token_ids == free.token_ids[: free.token_ids.index(stop) + 1]


def test_turns_extend_the_context_and_a_windowed_one_cuts_it(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    sampler = connect(model)
    first = answers(sampler, ask(0, PROMPT, max_new_tokens=3))[0]
    context = [*PROMPT, *first.token_ids]
    second = answers(sampler, ask(0, [7, 7], keep=len(context), max_new_tokens=3))[0]
    assert second.logprobs == pytest.approx(learner.logprobs(model, [*context, 7, 7], second), abs=CLOSE)
    third = answers(sampler, ask(0, [9], keep=4, max_new_tokens=3))[0]
    assert third.checksum == checksum([*PROMPT[:4], 9, *third.token_ids])
    assert third.logprobs == pytest.approx(learner.logprobs(model, [*PROMPT[:4], 9], third), abs=CLOSE)
    sampler.release(0)
    with pytest.raises(RunError, match="keep 4 tokens and to add 1, but has 0"):
        answers(sampler, ask(0, [9], keep=4))


def test_a_full_context_is_told_before_anything_is_sent(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    sampler = connect(build(), max_context=32)
    assert len(answers(sampler, ask(0, [5] * 30))[0].token_ids) == 2
    with pytest.raises(ContextFull):
        answers(sampler, ask(1, [5] * 32))


def test_after_a_sync_the_logprobs_are_those_of_the_new_weights(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    old, new = build(), build(1)
    sampler = connect(old)
    answers(sampler, ask(0, PROMPT * 20))  # in the prefix cache now
    sampler.sync(new, 7)
    completion = answers(sampler, ask(1, PROMPT * 20))[0]
    assert completion.version == 7
    assert completion.logprobs == pytest.approx(learner.logprobs(new, PROMPT * 20, completion), abs=CLOSE)
    gaps = [
        abs(a - b) for a, b in zip(completion.logprobs, learner.logprobs(old, PROMPT * 20, completion), strict=True)
    ]
    assert max(gaps) > 0.1


def test_a_sync_from_a_checkpoint_folder(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    sampler, new = connect(build()), build(2)
    new.save_pretrained(tmp_path / "new")
    sampler.sync(tmp_path / "new", 1)
    completion = answers(sampler, ask(0, PROMPT))[0]
    assert completion.logprobs == pytest.approx(learner.logprobs(new, PROMPT, completion), abs=CLOSE)


def test_an_answer_across_a_sync_tells_the_version_of_each_token_and_its_logprob_under_that(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    models = build(), build(1)
    sampler = connect(models[0])
    mixed = answers_across(sampler, lambda number, tokens: ask(number, PROMPT, max_new_tokens=tokens), models)
    assert mixed, "no answer was being sampled when the weights changed"
    # So the ratio that corrects for the sampler is 1 where the learner's own weights sampled, and not elsewhere.
    for completion in mixed:
        kept, other = gaps(completion, [learner.logprobs(model, PROMPT, completion) for model in models])
        assert max(kept) < CLOSE < 0.1 < max(other)


def test_the_beginning_of_a_context_is_not_computed_again_at_each_of_eight_turns(
    url: str, build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    sampler = connect(build())
    rng = random.Random(5)

    async def turns() -> list[int]:
        cached, context = [], list[int]()
        async with aiohttp.ClientSession() as session:
            replica = Replica(url, session)
            await replica.connect(timeout=PATIENCE)
            for turn in range(8):
                context += [rng.randrange(64) for _ in range(44)]
                asked = body(replica.route, replica.model, Question(context, 1.0, 8, (), turn))
                found = await replica.call("POST", replica.route, asked, timeout=PATIENCE)
                cached.append(found["usage"]["prompt_tokens_details"]["cached_tokens"])
                context = context + found["choices"][0]["token_ids"]
        return cached

    cached = asyncio.run(turns())
    assert cached == sorted(cached)
    assert cached[0] == 0
    assert cached[4] >= 128  # a block has 16 tokens on a GPU, 128 on a CPU
    assert cached[7] >= 256
    sampler.sync(build(1), 1)
    rng.seed(5)
    assert asyncio.run(turns())[0] == 0


def test_a_server_without_the_route_for_tokens_is_asked_for_completions(
    url: str, build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    sampler = connect(model)
    for replica in sampler._answering._fleet.replicas:
        replica.route = COMPLETIONS
    completion = answers(sampler, ask(0, PROMPT))[0]
    assert completion.logprobs == pytest.approx(learner.logprobs(model, PROMPT, completion), abs=CLOSE)
    assert completion.version == 0


@pytest.mark.parametrize("route", [GENERATE, COMPLETIONS])
def test_weights_that_another_run_loads_are_told_on_both_routes(
    route: str, build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    sampler = connect(build())
    for replica in sampler._answering._fleet.replicas:
        replica.route = route
    assert answers(sampler, ask(0, PROMPT))[0].version == 0
    other = connect(build(1))
    with pytest.raises(RunError, match="which this run did not load"):
        answers(sampler, ask(1, PROMPT))
    assert answers(other, ask(1, PROMPT))[0].version == 0


def test_adapters_are_loaded_in_place_of_the_ones_before(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    build(3).save_pretrained(tmp_path / "base")
    model = with_adapters(load_model(tmp_path / "base"), LoRA(rank=8, alpha=16.0)).eval()
    sampler = connect(model)
    for version in (1, 2):
        before = answers(sampler, ask(version, PROMPT))[0]
        learner.move_adapters(model, version)
        sampler.sync(model, version)
        completion = answers(sampler, ask(version, PROMPT))[0]
        assert completion.version == version
        assert completion.logprobs == pytest.approx(learner.logprobs(model, PROMPT, completion), abs=CLOSE)
        assert before.logprobs != pytest.approx(learner.logprobs(model, PROMPT, before), abs=0.01)


def test_what_a_server_refuses_is_an_error_with_its_words(url: str, build: Callable[..., Any]) -> None:
    async def wrong() -> None:
        async with aiohttp.ClientSession() as session:
            replica = Replica(url, session)
            await replica.connect(timeout=PATIENCE)
            replica.model = "nobody"
            await replica.ask(Question(PROMPT, 1.0, 2, (), 0), timeout=PATIENCE)

    with pytest.raises(RunError, match=r"status 404.*`nobody` does not exist"):
        asyncio.run(wrong())


def test_the_key_guards_sampling_and_adapters_and_no_route_for_control(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = {
        "/v1/models": "GET",
        "/v1/completions": "POST",
        "/inference/v1/generate": "POST",
        "/v1/load_lora_adapter": "POST",
        "/weight_info": "GET",
        "/is_paused": "GET",
        "/is_sleeping": "GET",
        "/resume": "POST",
        "/reset_prefix_cache": "POST",
    }
    monkeypatch.setenv(API_KEY, "another key than the server's")

    async def refused() -> list[str]:
        async with aiohttp.ClientSession() as session:
            replica = Replica(url, session)
            assert await replica.healthy(timeout=PATIENCE)
            closed = []
            for path, method in routes.items():
                try:
                    await replica.call(method, path, {} if method == "POST" else None, timeout=PATIENCE)
                except ConfigError:  # so is a key that is refused told, and nothing else here
                    closed.append(path)
        return closed

    assert asyncio.run(refused()) == list(routes)[:4]


def test_a_server_that_was_not_started_for_nccl_says_so_in_its_words_and_we_how_to_start_it(
    url: str, build: Callable[..., Any]
) -> None:
    worlds: list[int] = []

    def sender(control: Control, model: Any, *, address: str, port: int, world_size: int) -> Any:
        worlds.append(world_size)
        told = {"master_address": address, "master_port": port, "rank_offset": 1, "world_size": world_size}
        control.init_weight_transfer_engine(told)

    async def ask_it() -> None:
        async with aiohttp.ClientSession() as session:
            await Transfer(sender).send(Replica(url, session), build(), timeout=PATIENCE)

    with pytest.raises(ConfigError, match=r"Weight transfer not configured.*--weight-transfer-config"):
        asyncio.run(ask_it())
    assert worlds[0] >= 2  # a replica has a process at least, and the learner is one


def test_more_tokens_at_once_than_a_step_has_room_for_are_answered_as_one_alone(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    rng = random.Random(3)
    prompts = [[rng.randrange(64) for _ in range(440)] for _ in range(12)]  # 5280 tokens
    asked = (ask(number, prompt, max_new_tokens=3) for number, prompt in enumerate(prompts))
    for prompt, completion in zip(prompts, answers(connect(model), *asked), strict=True):
        assert completion.logprobs == pytest.approx(learner.logprobs(model, prompt, completion), abs=CLOSE)


def test_a_server_that_sleeps_is_asked_nothing_and_given_no_weights_until_it_is_woken_up(
    url: str, build: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    sampler, new = connect(build()), build(1)
    before = answers(sampler, ask(0, PROMPT))[0]
    sampler.sleep()
    with pytest.raises(RunError, match="asleep and cannot sample"):
        answers(sampler, ask(0, PROMPT))
    with pytest.raises(RunError, match="asleep and cannot take new weights"):
        sampler.sync(new, 1)
    with pytest.raises(ConfigError, match="is asleep or paused, and would never answer; wake it up: POST /wake_up"):
        connect(build())
    sampler.wake()
    assert answers(sampler, ask(0, PROMPT))[0].token_ids == before.token_ids

    _post(url, "/sleep?level=1")  # by somebody else, in the middle of a run
    sampler._answering._config = sampler.config.model_copy(update={"start_timeout": 2.0})
    with pytest.raises(RunError, match=r"no replica has taken the new weights.*is asleep or paused.*POST /wake_up"):
        sampler.sync(new, 1)
    _post(url, "/wake_up")
    sampler._answering._config = sampler.config
    sampler.sync(new, 2)
    completion = answers(sampler, ask(1, PROMPT))[0]
    assert completion.version == 2
    assert completion.logprobs == pytest.approx(learner.logprobs(new, PROMPT, completion), abs=CLOSE)


def _post(url: str, path: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(url + path, method="POST"), timeout=PATIENCE):
        pass


def test_the_state_of_a_server_is_told_as_it_was_set(url: str) -> None:
    async def states() -> list[Any]:
        async with aiohttp.ClientSession() as session:
            replica = Replica(url, session)
            await replica.connect(timeout=PATIENCE)

            async def post(path: str, content: Any = None, **parameters: str) -> Any:
                return await replica.call("POST", path, content, timeout=PATIENCE, query=parameters)

            async def get(path: str) -> Any:
                return await replica.call("GET", path, timeout=PATIENCE)

            return [
                await post("/pause", mode="keep"),
                await get("/is_paused"),
                await get("/is_sleeping"),
                await post("/resume"),
                await get("/is_paused"),
                await post("/update_weight_version", {"new_version": "12"}),
                await get("/weight_info"),
                await post("/reset_prefix_cache"),
                await get("/is_sleeping"),
            ]

    assert asyncio.run(states()) == [
        {"status": "paused"},
        {"is_paused": True},
        {"is_sleeping": True},  # of one that is only paused, too
        {"status": "resumed"},
        {"is_paused": False},
        {"success": True, "new_version": "12"},
        {"weight_version": "12"},
        {"success": True},
        {"is_sleeping": False},
    ]
